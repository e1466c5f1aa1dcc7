/*  What the demo's workers run: plain sh, coreutils and awk                  */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/demo.h"

static const char s_worker[] =
    "# What every worker of the demo runs for a task: covey agent run gives\n"
    "# the task's input on standard input and its fields in COVEY_* "
    "variables;\n"
    "# standard output is the result, \"NN% text\" on standard error "
    "progress.\n"
    "set -eu\n"
    "case $COVEY_TASK_TYPE in\n"
    "count) # the input is the path of a file\n"
    "    path=$(cat; printf .)\n"
    "    path=${path%.}\n"
    "    sum=$(sha256sum <\"$path\")\n"
    "    counts=$(wc -lwc <\"$path\")\n"
    "    set -- $counts\n"
    "    printf "
    "'{\"lines\":%s,\"words\":%s,\"bytes\":%s,\"sha256\":\"%s\"}\\n' \\\n"
    "        \"$1\" \"$2\" \"$3\" \"${sum%% *}\"\n"
    "    ;;\n"
    "merge) # the input is the ids of completed tasks, one per line\n"
    "    ids=$(cat)\n"
    "    results=$(printf '%s\\n' \"$ids\" |\n"
    "        xargs -n 100 \"$COVEY_DEMO_BIN\" task show --json)\n"
    "    echo '50% results fetched' >&2\n"
    "    printf '%s\\n' \"$results\" | awk '\n"
    "        function number(key) {\n"
    "            if (!match($0, \"\\\"\" key \"\\\":[0-9]+\")) {\n"
    "                bad = 1\n"
    "                return 0\n"
    "            }\n"
    "            return substr($0, RSTART + length(key) + 3,\n"
    "                          RLENGTH - length(key) - 3)\n"
    "        }\n"
    "        {\n"
    "            files++\n"
    "            lines += number(\"lines\")\n"
    "            words += number(\"words\")\n"
    "            bytes += number(\"bytes\")\n"
    "        }\n"
    "        END {\n"
    "            if (bad)\n"
    "                exit 1\n"
    "            printf \"{\\\"files\\\":%.0f,\\\"lines\\\":%.0f,\", files, "
    "lines\n"
    "            printf \"\\\"words\\\":%.0f,\\\"bytes\\\":%.0f}\\n\", words, "
    "bytes\n"
    "        }'\n"
    "    ;;\n"
    "*)\n"
    "    echo \"no such task type: $COVEY_TASK_TYPE\" >&2\n"
    "    exit 1\n"
    "    ;;\n"
    "esac\n";

static const char s_vote[] =
    "# How every worker of the demo votes: the proposal comes as JSON on\n"
    "# standard input; exit 0 approves, 1 rejects; the first line of standard\n"
    "# output is the reason. report.rows has \"LINES WORDS BYTES SHA256 "
    "PATH\"\n"
    "# for each file, each row ended by a NUL.\n"
    "set -eu\n"
    "if [ $# = 1 ]; then # one row of the sample: count that file again\n"
    "    expect=$1\n"
    "    rest=${expect#* }; rest=${rest#* }; rest=${rest#* }\n"
    "    path=${rest#* }\n"
    "    counts=$(wc -lwc <\"$path\")\n"
    "    sum=$(sha256sum <\"$path\")\n"
    "    set -- $counts\n"
    "    [ \"$1 $2 $3 ${sum%% *} $path\" = \"$expect\" ] && exit 0\n"
    "    printf 'counted %s %s %s %s, not %s\\n' \\\n"
    "        \"$1\" \"$2\" \"$3\" \"${sum%% *}\" \"$expect\"\n"
    "    exit 1\n"
    "fi\n"
    "cd \"$COVEY_DEMO_DIR\"\n"
    "proposal=$(cat)\n"
    "said=\n"
    "for key in files lines words bytes; do\n"
    "    value=$(printf '%s\\n' \"$proposal\" |\n"
    "        sed -n 's/.*\"'\"$key\"'\":\\([0-9][0-9]*\\).*/\\1/p')\n"
    "    said=\"$said $value\"\n"
    "done\n"
    "sums=$(tr '\\n\\0' ' \\n' <report.rows | awk '\n"
    "    { files++; lines += $1; words += $2; bytes += $3 }\n"
    "    END { printf \" %.0f %.0f %.0f %.0f\", files, lines, words, bytes "
    "}')\n"
    "if [ \"$said\" != \"$sums\" ]; then\n"
    "    echo \"the rows add up to$sums, not$said\"\n"
    "    exit 1\n"
    "fi\n"
    "sample=sample.$COVEY_AGENT_ID\n"
    "shuf -z -n " COVEY_DEMO_SAMPLE " report.rows >\"$sample\"\n"
    "if difference=$(xargs -0 -n 1 sh vote.sh <\"$sample\"); then\n"
    "    count=$(tr -cd '\\0' <\"$sample\" | wc -c)\n"
    "    echo \"counted $((count)) files again: all as reported\"\n"
    "else\n"
    "    printf '%s\\n' \"${difference:-a file could not be counted again}\"\n"
    "    exit 1\n"
    "fi\n";

static covey_err_t
s_write (covey_demo_t *self, const char *name, const char *text)
{
    char path[sizeof self->dir + 32];
    snprintf (path, sizeof path, "%s/%s", self->dir, name);
    FILE *file = fopen (path, "we");
    if (!file || fputs (text, file) < 0 || fclose (file) != 0)
        return covey_fail (&self->err, COVEY_IO, "%s: cannot be written: %s",
                           path, strerror (errno));
    return COVEY_OK;
}

covey_err_t
covey_demo_scripts_write (covey_demo_t *self)
{
    covey_err_t rc = s_write (self, "worker.sh", s_worker);
    return rc ? rc : s_write (self, "vote.sh", s_vote);
}
