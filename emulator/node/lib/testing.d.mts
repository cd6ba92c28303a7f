/** The options of a start. */
export interface StartOptions {
  /** The template; without it, hardcap looks for one in `cwd`. */
  template?: string;
  /** The day whose limits are in force: `current`, `classic` or `YYYY-MM-DD`. */
  limits?: string;
  /** Other numbers for limits, by the names of their rows (`hardcap limits`). */
  set?: Record<string, number | string>;
  /** Values for parameters of the template. */
  parameters?: Record<string, string>;
  /** Variables of the process `hardcap`, beside those of this process. */
  environment?: Record<string, string>;
  /** A folder to keep data in; in memory without it. */
  data?: string;
  /** Further arguments of `hardcap up`. */
  arguments?: string[];
  /** The folder to start in. */
  cwd?: string;
  /** The maximum time for the start, in milliseconds; 600,000 without it. A template with a Rust function is compiled first. */
  timeout?: number;
}

/** A line that a function or the platform has logged. */
export interface LogLine {
  /** When it was written, in milliseconds since 1970. */
  at: number;
  /** The function's name. */
  function: string;
  /** The log stream, one for each execution environment. */
  stream: string;
  /** The id of the request, if the execution environment was started for one or has received one. */
  requestId?: string;
  /** The line without its end. */
  text: string;
}

/** hardcap did not start, has ended, or refused a request of its control API. The message contains the end of its log. */
export class HardcapError extends Error {}

/** A running hardcap. It stops at `stop()`, and when this process ends, however it ends. */
export class Hardcap {
  private constructor();
  /** The address of the first API or function URL, without a slash at its end; empty if the template has none. */
  readonly url: string;
  /** The address of each API with its stage, and of each function URL, by logical id. */
  readonly urls: Record<string, string>;
  /** The outputs of the template. URLs of its APIs are the local ones. */
  readonly outputs: Record<string, string>;
  /** The names of functions, by logical id. */
  readonly functions: Record<string, string>;
  /** The names of tables, by logical id. */
  readonly tables: Record<string, string>;
  /** The names of buckets, by logical id. */
  readonly buckets: Record<string, string>;
  /** The URLs of queues, by logical id. */
  readonly queues: Record<string, string>;
  /** The ARNs of topics, by logical id. */
  readonly topics: Record<string, string>;
  /** The names of event buses, by logical id. */
  readonly buses: Record<string, string>;
  /** The names of parameters, by logical id. */
  readonly parameters: Record<string, string>;
  /** The ARNs of secrets, by logical id. */
  readonly secrets: Record<string, string>;
  /** The endpoint of the AWS APIs, for `AWS_ENDPOINT_URL`. */
  readonly awsUrl: string;
  /** The configuration of a client of the AWS SDK: `new S3Client(app.awsConfig)`. */
  readonly awsConfig: {
    endpoint: string;
    region: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
    forcePathStyle: boolean;
  };
  /** The control API, and the live page. */
  readonly controlUrl: string;
  /** The region. */
  readonly region: string;
  /** The day whose limits are in force. */
  readonly limits: string;
  /** The variables that `hardcap exec` sets for its command. `null` is a variable to remove: a credential or an endpoint of your own. */
  readonly environment: Record<string, string | null>;
  /** The log of hardcap. */
  readonly logFile: string;
  /** Whether the process runs. */
  readonly running: boolean;
  /** Stops hardcap and every process that it has started, and removes its log. Does nothing the second time. */
  stop(): Promise<void>;
  /** Sets and removes the variables of `environment`. The function that it returns restores them. */
  applyEnvironment(environment?: Record<string, string | undefined>): () => void;
  /**
   * Returns to the state at the start, for the next test. Records, logs and waiting asynchronous events are deleted; limits and
   * faults become those of the start; objects, items, parameters and secrets become those of the template, except with `keepData`.
   */
  reset(options?: { keepData?: boolean }): Promise<void>;
  /** The lines that functions have logged since the start or the last reset; those of one function by its logical id or name. */
  logs(name?: string): Promise<LogLine[]>;
  /** The records since the start or the last reset: each limit that was measured, each refusal, each end. */
  records(): Promise<Array<Record<string, unknown>>>;
  /** The report of the run: for each limit the highest measured value and the number of refusals. */
  report(): Promise<Record<string, any>>;
  /** Changes a limit until the next reset, in the row's unit. */
  setLimit(row: string, maximum: number): Promise<void>;
  /** Injects a fault until the next reset, such as `{ fault: 'throttle', function: 'Hello' }`. Returns its id. */
  addFault(fault: Record<string, unknown>): Promise<number>;
  /** Moves hardcap's clock forward: retries become due, links and items expire. */
  advanceClock(milliseconds: number): Promise<void>;
}

/** Starts a template on free ports, with data in memory. Resolves when everything listens. */
export function start(options?: StartOptions): Promise<Hardcap>;

/** The path of the program `hardcap`. */
export function program(): string;
