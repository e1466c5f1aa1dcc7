#!/bin/bash
# covey task: what can be said of a task, of a graph, of a schedule, and how
# wrong words are answered, through a real node.
# shellcheck disable=SC2154 # set by tests/support/support.sh
. "${COVEY_SOURCE:?is set by ctest}/tests/support/support.sh" || exit 1

start_node node
export COVEY_ENDPOINT=$node_session

# runs CODE PATTERN ARGUMENTS...: exit code, and all that it says on one line
runs() {
    local code=$1 pattern=$2 said
    shift 2
    said=$("$covey" "$@" 2>&1 </dev/null)
    equal $? "$code" && matches "${said//$'\n'/ }" "$pattern"
}
shown() { "$covey" task show "$1" --json | field "$2"; }
# shows ID FIELD VALUE
shows() { equal "$(shown "$1" "$2")" "$3"; }
schedule() { "$covey" task schedule show "$1" --json | field "$2"; }
schedule_is() { equal "$(schedule "$1" "$2")" "$3"; }

# ---- submit -----------------------------------------------------------------
check "every limit" runs 0 '*' task submit --type t --id all --queue-timeout 1h --run-timeout 2h \
    --total-timeout 3h --keep-result 1m --delay 10m --host nowhere --share nightly --weight 7 --attempts 2
check "host" shows all preferredHost nowhere
check "share" shows all share nightly
check "weight" shows all weight 7
check "delay" matches "$(shown all notBefore)" '20*T*Z'
check "at" runs 0 '*' task submit --type t --id later --at 2099-01-31T08:00:00Z
check "is not before it" matches "$(shown later notBefore)" '2099-01-31T08:00:00*Z'
check "an instant that has passed" runs 2 '*--at:*10m*has passed*' task submit --type t --at 10m
check "at and delay" runs 2 '*--at:*--delay*not both*' task submit --type t --at 2099-01-31T08:00:00Z --delay 5
check "no instant" runs 2 '*--at*soon*' task submit --type t --at soon
check "part of another" runs 0 '*' task submit --type t --id part --parent all --parent-policy abandon
check "its parent" shows part parent all
check "its policy" shows part parentPolicy abandon
check "a policy without a parent" runs 2 '*--parent-policy: needs --parent*' task submit --type t --parent-policy cancel
check "after another, however it ends" runs 0 '*' task submit --type t --id next --after later --dependency-policy ignore
check "its dependency policy" shows next dependencyPolicy ignore
check "a policy without dependencies" runs 2 '*--dependency-policy: needs --after*' \
    task submit --type t --dependency-policy wait
check "another policy" runs 2 '*--dependency-policy*never*fail|ignore|wait*' task submit --type t --dependency-policy never
check "weight out of bounds" runs 2 '*--weight*1001*' task submit --type t --weight 1001
check "a limit of nothing" runs 2 '*--run-timeout*0*' task submit --type t --run-timeout 0
check "queued in vain" runs 1 '*QUEUE_TIMEOUT*' task submit --type t --queue-timeout 20ms --wait --json
check "no such parent" runs 1 '*gone*' task submit --type t --parent gone

# ---- cancel -----------------------------------------------------------------
check "cancel with a grace, nobody works on it" runs 0 '*cancelled*' task cancel next --grace 1m --json
check "a grace of two days" runs 2 '*--grace*' task cancel all --grace 48h

# ---- retry ------------------------------------------------------------------
"$covey" agent run --id three --type three --cap three -- sh -c 'exit 3' 2>/dev/null &
three=$!
registered() { "$covey" registry --json | grep '"id":"three"' | grep -q '"generation":[1-9]'; }
check "an agent is in the registry" until_true 10 registered
check "for people" runs 0 'ID*GENERATION*three*ready*' registry
check "not in this state" runs 0 'no agents' registry --state terminated
check "a fatal code: no further attempt" runs 1 '*failed*EXIT_3*' task submit --type t --id fatal --cap three \
    --fatal EXIT_4 --fatal EXIT_3 --wait
check "one attempt" shows fatal attempt 1
check "another code: all attempts" runs 1 '*parked*EXIT_3*' task submit --type t --id again --cap three \
    --attempts 4 --retry-delay 1ms --retry-multiplier 3 --retry-max-delay 2ms --fatal EXIT_4 --wait
check "four attempts" shows again attempt 4
check "a multiplier below 1" runs 2 '*--retry-multiplier*from 1 to 100*' task submit --type t --retry-multiplier 0
check "a delay above a day" runs 2 '*--retry-max-delay*86400000*' task submit --type t --retry-max-delay 2d
check "too many attempts" runs 2 '*--attempts*from 0 to 1000*' task submit --type t --attempts 1001
kill $three

# ---- batch ------------------------------------------------------------------
cat >"$dir/graph.json" <<'JSON'
[{"taskId":"sum","taskType":"sum","dependencies":["left","right"],"input":{"n":12345678901234567890.5}},
 {"taskId":"left","taskType":"count"}, {"taskId":"right","taskType":"count"}]
JSON
check "a graph" runs 0 'ID*left*right*sum*left*right*' task batch "$dir/graph.json"
check "it waits for both" shows sum waitsFor '["left", "right"]'
check "again: it is there" runs 1 '*exists already*' task batch "$dir/graph.json"
batch_of_pipe() { printf '[{"taskId":"p","taskType":"t"}]' | "$covey" task batch - --key k --json | field id; }
check "of a pipe" equal "$(batch_of_pipe)" p
check "again by its key: the same" equal "$(batch_of_pipe)" p
echo '[{"taskId":"a","taskType":"t","dependencies":["b"]},{"taskId":"b","taskType":"t","dependencies":["a"]}]' >"$dir/cycle.json"
check "a cycle is named" runs 2 '*cycle*a*b*' task batch "$dir/cycle.json"
check "and nothing is taken" runs 1 '*' task show a
# as many as one may have, each as small as one can be
printf '[%s{"taskType":"t"}]' "$(printf '{"taskType":"t"},%.0s' {1..999})" >"$dir/most.json"
most() { "$covey" task batch "$dir/most.json" --json | wc -l; }
check "the largest batch" equal "$(most)" 1000
check "and what comes behind it" runs 0 '*' task submit --type t --id behind
echo '{"tasks":[]}' >"$dir/object.json"
check "an object" runs 2 '*must be an array of tasks*' task batch "$dir/object.json"
echo '[' >"$dir/cut.json"
check "no JSON" runs 2 '*cut.json*line*' task batch "$dir/cut.json"
echo '[{"taskTyp":"t"}]' >"$dir/typo.json"
check "a misspelt field" runs 2 '*taskTyp*' task batch "$dir/typo.json"
check "no file" runs 2 '*none.json*' task batch "$dir/none.json"

# ---- schedules --------------------------------------------------------------
check "none" runs 0 'no schedules' task schedule list
check "cron" runs 0 '*active*' task schedule add nightly --cron '30 2 * * mon-fri' --type backup \
    --total-timeout 1h --overlap bufferOne --catch-up 2h --input '{"what":[1.50]}' --until 2099-01-01T00:00:00Z
check "overlap" schedule_is nightly overlap bufferOne
check "catch up" schedule_is nightly catchUp 7200000
check "its task" schedule_is nightly task.totalTimeout 3600000
check "its input" schedule_is nightly task.input.what '[1.5]'
check "its end" matches "$(schedule nightly endsAt)" '2099-01-01T00:00:00*Z'
check "every" runs 0 '*' task schedule add often --every 100ms --times 2 --overlap allowAll --type tick --keep-result 1m
two_ran() { [ "$(schedule often state)" = ended ] && [ "$(schedule often runs)" = 2 ]; }
check "it runs twice and ends" until_true 20 two_ran
check "its tasks bear its name" runs 0 '*often/20*often/20*' tasks --type tick
check "list" runs 0 'ID*nightly*backup*active*30 2*often*tick*ended*' task schedule list
check "list of those that ended" runs 0 '*"id":"often"*' task schedule list --state ended --json
check "pause" runs 0 '*paused*' task schedule pause nightly
check "twice" runs 1 '*nightly*' task schedule pause nightly
check "resume" runs 0 '*active*' task schedule resume nightly
check "delete" runs 0 '*nightly*' task schedule delete nightly
check "it is gone" runs 1 '*nightly*' task schedule show nightly
check "neither cron nor every" runs 2 '*--cron, --every: give one*' task schedule add x --type t
check "both" runs 2 '*--cron, --every: give one*' task schedule add x --type t --cron @daily --every 1h
check "no type" runs 2 '*--type: is missing*' task schedule add x --every 1h
check "a wrong cron" runs 2 '*61*' task schedule add x --type t --cron '61 * * * *'
check "a time that never is" runs 2 '*no such day*' task schedule add x --type t --cron '0 0 30 feb *'
check "every 1 ms" runs 2 '*--every*1ms*' task schedule add x --type t --every 1ms
check "an overlap of no kind" runs 2 '*--overlap*maybe*' task schedule add x --type t --every 1h --overlap maybe
check "twice the same" runs 1 '*often*' task schedule add often --type t --every 1h
check "nothing of it was taken" runs 0 '*often*' task schedule list

# ---- words ------------------------------------------------------------------
check "which one" runs 2 'covey task schedule: which one? *' task schedule
check "a wrong word" runs 2 '*task schedule ad: unknown command; did you mean covey task schedule add?*' task schedule ad x
check "help of the group" runs 0 '*task schedule add*task schedule delete*' help task schedule
check "help of one" runs 0 '*--catch-up*' help task schedule add
check "--help of the group" runs 0 '*task schedule pause*' task schedule --help
check "completion" runs 0 '*commands*"covey task schedule"*' help --completion bash

stop "$node_pid"
finish
