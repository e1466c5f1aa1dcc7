/*  What is rare, played on purpose: sim_replog_scripts has the known ways in
    which a replicated log goes wrong. Here the log is sound, and nothing may
    break; that each of them bites shows test_replog_faults.                  */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/sim_replog_scripts.h"

static void
test_no_script_breaks_a_promise (void **state)
{
    (void)state;
    const char *one = getenv ("COVEY_SCRIPT");
    for (size_t i = 0; i < sim_script_count (); i++) {
        char why[300];
        if (one && strcmp (one, sim_script_name (i)) != 0)
            continue;
        printf ("%s\n", sim_script_name (i));
        if (!sim_script_play (i, NULL, why, sizeof why))
            fail_msg ("%s: %s", sim_script_name (i), why);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_no_script_breaks_a_promise),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
