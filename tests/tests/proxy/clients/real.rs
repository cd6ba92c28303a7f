//! The clients themselves, where they are installed: what is imitated of them has to come to the same.

use std::path::Path;

use hardcap_tests::agents::Agent;
use hardcap_tests::client::Call;
use hardcap_tests::installed;
use hardcap_tests::process::Process;

use super::{GATEWAYS, LARGE, World};

/// Status, length of the body, redirects.
type Outcome = (u16, u64, usize);

const BODY: &str = r#"{"query":{"match_all":{}}}"#;

const WITH_REQUESTS: &str = "
import requests, sys
answer = requests.post(sys.argv[1], data=sys.argv[2], headers={'content-type': 'application/json'}, auth=('user', 'word'))
print(answer.status_code, len(answer.content), len(answer.history))
";
const WITH_URLLIB3: &str = "
import sys, urllib3
answer = urllib3.PoolManager().request('POST', sys.argv[1], body=sys.argv[2], redirect=False, headers={'user-agent': 'elasticsearch-py/7.17.12 (Python 3.11.7)', 'content-type': 'application/json', 'authorization': 'Basic dXNlcjp3b3Jk'})
print(answer.status, len(answer.data), 0)
";

/// What the one line says that a program prints.
async fn outcome(program: &Path, arguments: &[&str]) -> Outcome {
    let mut process = Process::start(program, arguments, &[]).unwrap();
    let line = process.line().await.unwrap();
    let numbers: Vec<u64> = line.split(' ').map(|text| text.parse().unwrap()).collect();
    let [status, length, redirects] = numbers.as_slice() else { panic!("{line}") };
    (u16::try_from(*status).unwrap(), *length, usize::try_from(*redirects).unwrap())
}

async fn real(agent: Agent, python: &Path, url: &str) -> Outcome {
    let told = "%{http_code} %{size_download} %{num_redirects}\\n";
    let curl = ["-sS", "-L", "-o", "/dev/null", "-w", told, "-u", "user:word", "-d", BODY];
    let json = ["-H", "content-type: application/json", url];
    match agent {
        Agent::Curl => outcome(Path::new("curl"), &[&curl[..], &json].concat()).await,
        Agent::CurlWithMethod => {
            outcome(Path::new("curl"), &[&curl[..], &["-X", "POST"], &json].concat()).await
        }
        Agent::Requests => outcome(python, &["-c", WITH_REQUESTS, url, BODY]).await,
        Agent::Urllib3 => outcome(python, &["-c", WITH_URLLIB3, url, BODY]).await,
        Agent::Reqwest | Agent::OpensearchJs | Agent::KeepsEverything => {
            panic!("{agent:?} is not installed")
        }
    }
}

async fn imitated(agent: Agent, world: &World, url: &str) -> Outcome {
    let call = Call::post(url, BODY)
        .header("content-type", "application/json")
        .header("authorization", "Basic dXNlcjp3b3Jk");
    let fetched = agent.send(&world.client, &call).await.unwrap();
    let length = fetched.answer.body.len() as u64;
    (fetched.answer.status.as_u16(), length, fetched.redirects.len())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python: just test-all"]
async fn r5_curl_requests_and_urllib3_do_what_is_imitated_of_them() {
    let python = installed::python();
    let world = World::start(&[], &[]).await;
    for gateway in GATEWAYS {
        let url = world.url(gateway, LARGE);
        for (agent, status) in [
            (Agent::Curl, 200),
            (Agent::Requests, 200),
            (Agent::CurlWithMethod, 403),
            (Agent::Urllib3, 406),
        ] {
            let (real, imitated) =
                (real(agent, &python, &url).await, imitated(agent, &world, &url).await);
            assert_eq!((real.0, real.2), (imitated.0, imitated.2), "{agent:?} {gateway:?}");
            assert_eq!(real.0, status, "{agent:?} {gateway:?}");
            if status == 200 {
                assert_eq!((real.1, imitated.1), (LARGE.size, LARGE.size), "{agent:?} {gateway:?}");
            }
        }
    }
}
