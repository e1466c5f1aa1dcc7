#include "tests/support/support_dir.h"

#include <ftw.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

void
support_dir_make (char path[SUPPORT_DIR_SIZE])
{
    const char *parent = getenv ("TMPDIR");
    int size = snprintf (path, SUPPORT_DIR_SIZE, "%s/covey-test-XXXXXX",
                         parent && *parent ? parent : "/tmp");
    assert_true (size > 0 && size < SUPPORT_DIR_SIZE);
    assert_non_null (mkdtemp (path));
}

static int
s_remove (const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info;
    (void)kind;
    (void)ftw;
    return remove (path);
}

void
support_dir_remove (const char *path)
{
    assert_int_equal (nftw (path, s_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
}
