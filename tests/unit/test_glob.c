/*  glob: what is read, what overlaps; and against a model that tries all short
    paths, with patterns by seed                                              */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/prng.h"
#include "coordinator/glob.h"

static void
s_reads (const char *text, const char *expected)
{
    char glob[COVEY_GLOB_MAX + 1];
    covey_errbuf_t err = {""};
    if (covey_glob_read (text, glob, &err))
        fail_msg ("%s: %s", text, err.text);
    assert_string_equal (glob, expected);
}

static void
s_refuses (const char *text, covey_err_t code, const char *why)
{
    char glob[COVEY_GLOB_MAX + 1] = "untouched";
    covey_errbuf_t err = {""};
    assert_int_equal (covey_glob_read (text, glob, &err), code);
    if (!strstr (err.text, why))
        fail_msg ("%s: \"%s\" lacks \"%s\"", text, err.text, why);
}

static void
test_patterns_are_read_into_one_form (void **state)
{
    (void)state;
    s_reads ("src/a.c", "src/a.c");
    s_reads ("./src//a.c", "src/a.c");
    s_reads ("src/", "src/**");
    s_reads ("src/.", "src/**");
    s_reads (".", "**");
    s_reads ("/", "/**");
    s_reads ("/etc//x/", "/etc/x/**");
    s_reads ("a[]x]b[!a-z]\\[", "a[]x]b[!a-z]\\[");
    s_reads ("\\\\[a]", "\\\\[a]");
    s_refuses ("", COVEY_INVALID, "empty");
    s_refuses ("../x", COVEY_INVALID, "\"..\"");
    s_refuses ("a/../b", COVEY_INVALID, "\"..\"");
    s_refuses ("a[b/c]", COVEY_INVALID, "not closed");
    s_refuses ("a[b\\]", COVEY_INVALID, "not closed");
    s_refuses ("\\\\[a", COVEY_INVALID, "not closed");
    s_refuses ("a\\", COVEY_INVALID, "nothing follows");
    s_refuses ("[z-a]", COVEY_INVALID, "backwards");
    char text[COVEY_GLOB_MAX + 2];
    memset (text, 'x', sizeof text);
    text[COVEY_GLOB_SEGMENT_MAX + 1] = '\0';
    s_refuses (text, COVEY_LIMIT, "256 bytes");
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 100 == 99 ? '/' : 'x';
    text[sizeof text - 1] = '\0';
    s_refuses (text, COVEY_LIMIT, "1024 bytes");
    for (size_t i = 0; i < 130; i++)
        text[i] = i % 2 ? '/' : 'x';
    text[129] = '\0';
    s_refuses (text, COVEY_LIMIT, "64 parts");
}

static void
s_overlaps (const char *a, const char *b, bool expected)
{
    char x[COVEY_GLOB_MAX + 1], y[COVEY_GLOB_MAX + 1];
    assert_int_equal (covey_glob_read (a, x, NULL), COVEY_OK);
    assert_int_equal (covey_glob_read (b, y, NULL), COVEY_OK);
    if (covey_glob_overlap (x, y) != expected ||
        covey_glob_overlap (y, x) != expected)
        fail_msg ("%s and %s", a, b);
}

static void
test_overlap_of_patterns_that_people_write (void **state)
{
    (void)state;
    s_overlaps ("src/a.c", "src/a.c", true);
    s_overlaps ("src/a.c", "src/b.c", false);
    s_overlaps ("src/", "src/a/b.c", true);
    s_overlaps ("src/", "src", true);
    s_overlaps ("src/", "srcs/a", false);
    s_overlaps ("src/*.c", "src/*.h", false);
    s_overlaps ("src/*.c", "src/main*", true);
    s_overlaps ("src/*.c", "src/x/y.c", false);
    s_overlaps ("src/**/*.c", "src/x/y.c", true);
    s_overlaps ("src/**/*.c", "src/y.c", true);
    s_overlaps ("**/test_*", "src/**/*.c", true);
    s_overlaps ("a*b", "b*a", false);
    s_overlaps ("[a-m]*", "[n-z]*", false);
    s_overlaps ("[!a-m]", "[!n-z]", true);
    s_overlaps ("[!a-m]", "[a-m]", false);
    s_overlaps ("x[]-]", "x]", true);
    s_overlaps ("?", "\xc3\xa9", true);
    s_overlaps ("??", "\xc3\xa9", false);
    s_overlaps ("[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true);
    s_overlaps ("\\*", "*", true);
    s_overlaps ("\\*", "a", false);
    s_overlaps ("/etc/passwd", "etc/passwd", false);
    s_overlaps ("/", "**", false);
    s_overlaps ("/", "/etc/*", true);
}

/* ---- the model
 * ----------------------------------------------------------------- */

/*  All paths of one to six of these characters, with slashes anywhere between
    them.                                                                     */
static const char s_letters[] = "abc";
#define LETTERS 6
#define PATHS 27993

typedef struct {
    char (*texts)[2 * LETTERS];
    size_t count;
} s_paths_t;

static s_paths_t
s_make_paths (void)
{
    s_paths_t paths = {.texts = covey_mem_new (PATHS * sizeof *paths.texts)};
    for (size_t letters = 1, all = 3; letters <= LETTERS; letters++, all *= 3)
        for (size_t n = 0; n < all << (letters - 1); n++) {
            assert_true (paths.count < PATHS);
            char *text = paths.texts[paths.count++];
            size_t slashes = n / all, rest = n % all;
            for (size_t i = 0; i < letters; i++, rest /= 3) {
                *text++ = s_letters[rest % 3];
                if (i + 1 < letters && (slashes >> i & 1))
                    *text++ = '/';
            }
        }
    return paths;
}

/*  A matcher as plain as can be, for patterns without escapes; `starts`: a
    segment begins here.                                                      */
static bool
s_matches (const char *glob, const char *text, bool starts)
{
    if (starts && strncmp (glob, "**", 2) == 0 &&
        (glob[2] == '/' || !glob[2])) {
        if (!glob[2])
            return true;
        for (const char *at = text; at; at = strchr (at, '/')) {
            at += *at == '/';
            if (s_matches (glob + 3, at, true))
                return true;
        }
        return false;
    }
    if (!*text && strncmp (glob, "/**", 3) == 0 && (glob[3] == '/' || !glob[3]))
        return s_matches (glob + 3, text, false);
    if (!*glob)
        return !*text;
    if (*glob == '*')
        return s_matches (glob + 1, text, false) ||
               (*text && *text != '/' && s_matches (glob, text + 1, false));
    if (!*text)
        return false;
    if (*glob == '/')
        return *text == '/' && s_matches (glob + 1, text + 1, true);
    if (*glob == '?')
        return *text != '/' && s_matches (glob + 1, text + 1, false);
    if (*glob != '[')
        return *glob == *text && s_matches (glob + 1, text + 1, false);
    const char *end = strchr (glob, ']');
    bool others = glob[1] == '!', found = false;
    for (const char *at = glob + 1 + others; at < end; at++)
        found = found || *at == *text;
    return *text != '/' && found != others &&
           s_matches (end + 1, text + 1, false);
}

/*  Short enough that two of them have a common path of six letters if they have
    any.                                                                      */
static void
s_make_glob (covey_prng_t *prng, char *glob)
{
    static const char *const parts[] = {"a", "b", "?", "[ab]", "[!a]", "*"};
    size_t steps = 1 + covey_prng_below (prng, 3);
    covey_buf_t text;
    covey_buf_init (&text, 64);
    bool is_open = true; /* a segment has begun                              */
    for (size_t i = 0; i < steps; i++) {
        if (is_open && covey_prng_below (prng, 4) == 0) {
            covey_buf_puts (&text, i + 1 < steps ? "**/" : "**");
            continue;
        }
        covey_buf_puts (&text, parts[covey_prng_below (prng, 6)]);
        is_open = i + 1 < steps && covey_prng_below (prng, 2);
        if (is_open)
            covey_buf_puts (&text, "/");
        else if (covey_prng_below (prng, 3) == 0)
            covey_buf_puts (&text, "*");
    }
    char *pattern = covey_buf_steal (&text);
    covey_buf_deinit (&text);
    size_t size = strlen (pattern);
    if (pattern[size - 1] == '/')
        pattern[size - 1] = '\0';
    if (covey_glob_read (pattern, glob, NULL))
        fail_msg ("%s", pattern);
    free (pattern);
}

#define GLOBS 120
static void
test_overlap_is_what_all_short_paths_say (void **state)
{
    (void)state;
    const char *runs = getenv ("SEEDS");
    uint64_t seeds = runs ? strtoull (runs, NULL, 10) : 4;
    s_paths_t paths = s_make_paths ();
    bool (*hits)[PATHS] = covey_mem_new (GLOBS * sizeof *hits);
    static char globs[GLOBS][COVEY_GLOB_MAX + 1];
    size_t overlaps = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        covey_prng_t prng;
        covey_prng_init (&prng, seed);
        for (size_t i = 0; i < GLOBS; i++) {
            s_make_glob (&prng, globs[i]);
            for (size_t k = 0; k < paths.count; k++)
                hits[i][k] = s_matches (globs[i], paths.texts[k], true);
        }
        for (size_t i = 0; i < GLOBS; i++)
            for (size_t j = 0; j < GLOBS; j++) {
                size_t k = 0;
                while (k < paths.count && !(hits[i][k] && hits[j][k]))
                    k++;
                if (covey_glob_overlap (globs[i], globs[j]) !=
                    (k < paths.count))
                    fail_msg ("seed %llu: %s and %s: %s",
                              (unsigned long long)seed, globs[i], globs[j],
                              k < paths.count ? paths.texts[k] : "nothing");
                overlaps += k < paths.count;
                /* what the index of claims relies on */
                size_t a = covey_glob_stem (globs[i]);
                size_t b = covey_glob_stem (globs[j]);
                size_t less = a < b ? a : b;
                if (k < paths.count)
                    assert_memory_equal (globs[i], globs[j], less);
            }
    }
    print_message ("%zu of %llu pairs overlap\n", overlaps,
                   (unsigned long long)seeds * GLOBS * GLOBS);
    free (hits);
    free (paths.texts);
}

static void
test_long_patterns_take_bounded_steps (void **state)
{
    (void)state;
    char a[COVEY_GLOB_MAX + 1], b[COVEY_GLOB_MAX + 1], text[300];
    memset (text, 0, sizeof text);
    for (size_t i = 0; i < 240; i += 2)
        memcpy (text + i, "*a", 2);
    assert_int_equal (covey_glob_read (text, a, NULL), COVEY_OK);
    text[239] = 'b';
    assert_int_equal (covey_glob_read (text, b, NULL), COVEY_OK);
    assert_false (covey_glob_overlap (a, b));
    memset (text, 0, sizeof text);
    for (size_t i = 0; i < 27; i++)
        memcpy (text + 9 * i, i ? "[!0-9a-y]" : "[!a-z0-9]", 9);
    assert_int_equal (covey_glob_read (text, a, NULL), COVEY_OK);
    assert_true (covey_glob_overlap (a, a));
    assert_false (covey_glob_overlap (a, b));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_patterns_are_read_into_one_form),
        cmocka_unit_test (test_overlap_of_patterns_that_people_write),
        cmocka_unit_test (test_overlap_is_what_all_short_paths_say),
        cmocka_unit_test (test_long_patterns_take_bounded_steps),
    };
    return cmocka_run_group_tests_name ("glob", tests, NULL, NULL);
}
