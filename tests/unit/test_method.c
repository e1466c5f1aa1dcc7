/*  method: the table, and that docs/methods.md tells all of it               */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/method.h"

static void
test_methods_are_found_by_name_and_typos_get_the_nearest (void **state)
{
    (void)state;
    const covey_method_t *method, *found = NULL;
    covey_errbuf_t err;
    for (size_t i = 0; (method = covey_method_at (i)); i++) {
        assert_int_equal (covey_method_find (method->name, &found, &err), 0);
        assert_ptr_equal (found, method);
    }
    assert_int_equal (covey_method_find ("swarm.vot", &found, &err),
                      COVEY_NOTFOUND);
    assert_non_null (strstr (err.text, "swarm.vote"));
    assert_int_equal (covey_method_find ("", &found, &err), COVEY_NOTFOUND);
}

static void
test_a_method_without_params_takes_nothing_and_an_empty_object (void **state)
{
    (void)state;
    const covey_method_t *method = NULL;
    covey_errbuf_t err;
    ProtobufCMessage *params = NULL;
    assert_int_equal (covey_method_find ("swarm.list", &method, &err), 0);
    assert_int_equal (covey_method_params (method, "", 0, &params, &err), 0);
    protobuf_c_message_free_unpacked (params, NULL);
    assert_int_equal (covey_method_params (method, "{}", 2, &params, &err), 0);
    protobuf_c_message_free_unpacked (params, NULL);
    assert_int_equal (covey_method_params (method, "[]", 2, &params, &err),
                      COVEY_INVALID);
}

static void
test_every_method_that_reads_takes_a_consistency (void **state)
{
    (void)state;
    static const char *const orders[] = {"mesh.coordinator.add",
                                         "mesh.coordinator.remove",
                                         "mesh.coordinator.transfer"};
    const covey_method_t *method;
    for (size_t i = 0; (method = covey_method_at (i)); i++) {
        bool reads = !method->op;
        for (size_t k = 0; k < sizeof orders / sizeof *orders; k++)
            reads = reads && strcmp (method->name, orders[k]) != 0;
        if (reads && !protobuf_c_message_descriptor_get_field_by_name (
                         method->params, "consistency"))
            fail_msg ("%s reads and has no consistency", method->name);
    }
}

static char *
s_read_page (void)
{
    const char *source = getenv ("COVEY_SOURCE");
    char path[4096];
    snprintf (path, sizeof path, "%s/docs/methods.md", source ? source : ".");
    FILE *file = fopen (path, "r");
    assert_non_null (file);
    char *page = calloc (1, 1 << 20);
    assert_true (fread (page, 1, (1 << 20) - 1, file) > 0);
    fclose (file);
    return page;
}

/*  "required_capabilities" -> "`requiredCapabilities`"                      */
static void
s_json_name (const char *name, char *to)
{
    *to++ = '`';
    for (; *name; name++)
        if (*name == '_')
            *to++ = (char)toupper ((unsigned char)*++name);
        else
            *to++ = *name;
    *to++ = '`';
    *to = '\0';
}

static void
test_the_page_has_every_method_and_every_param (void **state)
{
    (void)state;
    char *page = s_read_page ();
    const covey_method_t *method;
    for (size_t i = 0; (method = covey_method_at (i)); i++) {
        char name[300];
        snprintf (name, sizeof name, "`%s`", method->name);
        char *heading = page;
        do {
            heading = strstr (heading, "\n### ");
            if (!heading)
                fail_msg ("docs/methods.md has no heading for %s", name);
            heading++;
        } while (!strstr (heading, name) ||
                 strstr (heading, name) > strchr (heading, '\n'));
        char *end = strstr (heading, "\n### ");
        if (end)
            *end = '\0';
        for (unsigned f = 0; f < method->params->n_fields; f++) {
            char field[300];
            if (strcmp (method->params->fields[f].name, "consistency") == 0)
                continue; /* told once, for all that read                     */
            s_json_name (method->params->fields[f].name, field);
            if (!strstr (heading, field))
                fail_msg ("docs/methods.md does not tell %s of %s", field,
                          name);
        }
        if (end)
            *end = '\n';
    }
    free (page);
}

static void
test_how_fresh_is_said_by_questions_and_only_by_them (void **state)
{
    (void)state;
    const covey_method_t *method;
    for (size_t i = 0; (method = covey_method_at (i)); i++) {
        bool has = protobuf_c_message_descriptor_get_field_by_name (
            method->params, "consistency");
        if (method->read && !has)
            fail_msg ("%s reads, but %s has no field `optional string "
                      "consistency = 15`",
                      method->name, method->params->name);
    }
    covey_errbuf_t err;
    ProtobufCMessage *params = NULL;
    static const char *const levels[] = {"default", "stale", "linearizable"};
    assert_int_equal (covey_method_find ("task.list", &method, &err), COVEY_OK);
    for (int level = 0; level < 3; level++) {
        char json[64];
        snprintf (json, sizeof json, "{\"consistency\":\"%s\"}", levels[level]);
        assert_int_equal (
            covey_method_params (method, json, strlen (json), &params, &err),
            COVEY_OK);
        assert_int_equal (covey_method_consistency (method, params), level);
        protobuf_c_message_free_unpacked (params, NULL);
    }
    static const char odd[] = "{\"consistency\":\"strong\"}";
    assert_int_equal (
        covey_method_params (method, odd, strlen (odd), &params, &err),
        COVEY_INVALID);
    assert_non_null (strstr (err.text, "linearizable"));
    static const char order[] = "{\"swarmId\":\"s\",\"consistency\":\"stale\"}";
    assert_int_equal (covey_method_find ("swarm.disband", &method, &err),
                      COVEY_OK);
    assert_int_equal (
        covey_method_params (method, order, strlen (order), &params, &err),
        COVEY_INVALID);
    assert_non_null (strstr (err.text, "changes something"));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (
            test_methods_are_found_by_name_and_typos_get_the_nearest),
        cmocka_unit_test (
            test_a_method_without_params_takes_nothing_and_an_empty_object),
        cmocka_unit_test (test_the_page_has_every_method_and_every_param),
        cmocka_unit_test (test_how_fresh_is_said_by_questions_and_only_by_them),
        cmocka_unit_test (test_every_method_that_reads_takes_a_consistency),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
