#!/usr/bin/env bash
# The steps of the action: install, check, run. They read the inputs from variables and use nothing of GitHub but the files
# GITHUB_PATH, GITHUB_OUTPUT and GITHUB_STEP_SUMMARY.
set -euo pipefail

install() {
  if [ "${HARDCAP_VERSION:-}" = installed ]; then
    hardcap --version
    return
  fi
  # A wheel has the program for each platform. It gets an environment of its own, without its pytest plugin in that of the tests.
  local folder="${RUNNER_TEMP:?}/hardcap"
  python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check ${HARDCAP_FIND_LINKS:+--no-index --find-links "$HARDCAP_FIND_LINKS"} \
    "hardcap${HARDCAP_VERSION:+==$HARDCAP_VERSION}"
  mkdir "$folder/path"
  ln -s "$folder/bin/hardcap" "$folder/path/hardcap"
  echo "$folder/path" >> "$GITHUB_PATH"
  "$folder/bin/hardcap" --version
}

# The options that check and exec share, into `options`.
common() {
  options=()
  [ -z "${HARDCAP_LIMITS:-}" ] || options+=(--limits "$HARDCAP_LIMITS")
  template=()
  [ -z "${HARDCAP_TEMPLATE:-}" ] || template+=("$HARDCAP_TEMPLATE")
}

check() {
  common
  local status=0
  hardcap check --format github ${options[@]+"${options[@]}"} ${template[@]+"${template[@]}"} || status=$?
  if [ "$status" = 0 ]; then
    summary '### hardcap check' '' 'AWS would accept the template.'
  else
    # The findings once more as text: annotations are not part of the summary.
    summary '### hardcap check' '' '```text' \
      "$(hardcap check ${options[@]+"${options[@]}"} ${template[@]+"${template[@]}"} 2>&1 | without_colors || true)" '```'
  fi
  return "$status"
}

run() {
  common
  local report="${RUNNER_TEMP:?}/hardcap-report" status=0 what
  mkdir -p "$report"
  local words=()
  read -r -a words <<< "${HARDCAP_ARGUMENTS:-}"
  options+=(${words[@]+"${words[@]}"} --html "$report/report.html" --json "$report/report.json" --junit "$report/junit.xml")
  options+=(--records "$report/records.json")
  while read -r -d , what; do
    [ -z "$what" ] || options+=(--fail-on "$what")
  done <<< "${HARDCAP_FAIL_ON:-},"
  [ -z "${HARDCAP_MIN_HEADROOM:-}" ] || options+=(--min-headroom "$HARDCAP_MIN_HEADROOM")
  echo "report=$report" >> "$GITHUB_OUTPUT"
  { hardcap exec "${options[@]}" ${template[@]+"${template[@]}"} -- bash -e -o pipefail -c "${HARDCAP_RUN:?}" 2>&1 1>&3 |
    tee "$report/log.txt" >&2; } 3>&1 || status=$?
  if [ ! -e "$report/records.json" ]; then
    summary '### hardcap' '' 'It did not start:' '' '```text' "$(tail -n 40 "$report/log.txt" | without_colors)" '```'
    return "$status"
  fi
  local verdict
  case "$status" in
    0) verdict='The command succeeded and no limit of the gate was met.' ;;
    3) verdict='**The gate failed: the run met a limit.**' ;;
    *) verdict="**The command failed with exit code $status.**" ;;
  esac
  summary '### hardcap' '' "$verdict" '' '```text' "$(hardcap report "$report/records.json")" '```'
  [ "$status" != 3 ] || summary "$(grep -a '^error: ' "$report/log.txt" | without_colors | sed 's/^error: /- /')"
  return "$status"
}

without_colors() { sed $'s/\x1b\\[[0-9;]*m//g'; }

summary() { printf '%s\n' "$@" >> "$GITHUB_STEP_SUMMARY"; }

case "${1:-}" in
  install | check | run) "$1" ;;
  *) echo "usage: hardcap.sh install|check|run" >&2; exit 2 ;;
esac
