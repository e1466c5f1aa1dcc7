#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "node/audit.h"

static const covey_audit_state_t s_ours = {.version = 5, .digest = 50};

static void
test_agreement_repairs_nothing (void **state)
{
    (void)state;
    covey_audit_t audit;
    covey_audit_init (&audit);
    for (int64_t now_ms = 0; now_ms < 100000; now_ms += 500)
        assert_false (covey_audit_judge (&audit, &s_ours, &s_ours, now_ms));
}

static void
test_another_digest_is_repaired_at_once (void **state)
{
    (void)state;
    covey_audit_t audit;
    const covey_audit_state_t theirs = {.version = 5, .digest = 51};
    covey_audit_init (&audit);
    assert_true (covey_audit_judge (&audit, &theirs, &s_ours, 1000));
    /* and again, with growing pauses                                         */
    assert_false (covey_audit_judge (&audit, &theirs, &s_ours, 2999));
    assert_true (covey_audit_judge (&audit, &theirs, &s_ours, 3000));
    assert_false (covey_audit_judge (&audit, &theirs, &s_ours, 6999));
    assert_true (covey_audit_judge (&audit, &theirs, &s_ours, 7000));
    int repairs = 0;
    for (int64_t now_ms = 7000; now_ms < 607000; now_ms += 500)
        repairs += covey_audit_judge (&audit, &theirs, &s_ours, now_ms);
    assert_in_range (repairs, 10, 14);
    /* peace ends the pause                                                   */
    assert_false (covey_audit_judge (&audit, &s_ours, &s_ours, 607000));
    assert_true (covey_audit_judge (&audit, &theirs, &s_ours, 607500));
}

static void
test_an_older_version_may_be_late (void **state)
{
    (void)state;
    covey_audit_t audit;
    covey_audit_init (&audit);
    covey_audit_state_t theirs = {.version = 1, .digest = 1};
    for (int64_t now_ms = 0; now_ms < 8000; now_ms += 2000, theirs.version++)
        assert_false (covey_audit_judge (&audit, &theirs, &s_ours, now_ms));
    theirs.version--; /* it stands still                                      */
    assert_false (covey_audit_judge (&audit, &theirs, &s_ours,
                                     6000 + COVEY_AUDIT_LATE_MS - 1));
    assert_true (covey_audit_judge (&audit, &theirs, &s_ours,
                                    6000 + COVEY_AUDIT_LATE_MS));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_agreement_repairs_nothing),
        cmocka_unit_test (test_another_digest_is_repaired_at_once),
        cmocka_unit_test (test_an_older_version_may_be_late),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
