#include "tests/support/support_vfs.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    sqlite3_file base;
    char *path;         /* NULL: a temporary file                             */
    sqlite3_file *real; /* behind it in memory                                */
} s_file_t;

static sqlite3_vfs *s_real;
static sqlite3_vfs s_vfs;
static int s_steps, s_limit;
static support_vfs_t s_how;

/* ---- what is durable --------------------------------------------------------
 */

static void
s_copy (const char *from, const char *to)
{
    char block[65536];
    FILE *in = fopen (from, "rb"), *out = fopen (to, "wb");
    assert (in && out);
    for (size_t size; (size = fread (block, 1, sizeof block, in)) > 0;)
        assert (fwrite (block, 1, size, out) == size);
    fclose (in);
    fclose (out);
}

static void
s_fall_back (const char *path)
{
    char durable[300];
    snprintf (durable, sizeof durable, "%s.durable", path);
    if (access (durable, F_OK) == 0)
        s_copy (durable, path);
    else
        unlink (path);
}

void
support_vfs_lose_power (const char *path)
{
    char wal[300];
    snprintf (wal, sizeof wal, "%s-wal", path);
    s_fall_back (path);
    s_fall_back (wal);
}

/* ---- files ------------------------------------------------------------------
 */

static int
s_step (void)
{
    if (s_limit == 0 || ++s_steps <= s_limit)
        return SQLITE_OK;
    return s_how == SUPPORT_VFS_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static sqlite3_file *
s_of (sqlite3_file *file)
{
    return ((s_file_t *)file)->real;
}

static int
s_close (sqlite3_file *file)
{
    free (((s_file_t *)file)->path);
    return s_of (file)->pMethods ? s_of (file)->pMethods->xClose (s_of (file))
                                 : SQLITE_OK;
}

static int
s_read (sqlite3_file *file, void *to, int size, sqlite3_int64 at)
{
    return s_of (file)->pMethods->xRead (s_of (file), to, size, at);
}

static int
s_write (sqlite3_file *file, const void *from, int size, sqlite3_int64 at)
{
    int rc = s_step ();
    return rc ? rc
              : s_of (file)->pMethods->xWrite (s_of (file), from, size, at);
}

static int
s_truncate (sqlite3_file *file, sqlite3_int64 size)
{
    int rc = s_step ();
    return rc ? rc : s_of (file)->pMethods->xTruncate (s_of (file), size);
}

static int
s_sync (sqlite3_file *file, int flags)
{
    char durable[300];
    int rc = s_step ();
    (void)flags; /* that the real disk has it is not what is tested here */
    if (rc || !((s_file_t *)file)->path)
        return rc;
    snprintf (durable, sizeof durable, "%s.durable", ((s_file_t *)file)->path);
    s_copy (((s_file_t *)file)->path, durable);
    return SQLITE_OK;
}

static int
s_size (sqlite3_file *file, sqlite3_int64 *size_p)
{
    return s_of (file)->pMethods->xFileSize (s_of (file), size_p);
}

static int
s_lock (sqlite3_file *file, int how)
{
    return s_of (file)->pMethods->xLock (s_of (file), how);
}

static int
s_unlock (sqlite3_file *file, int how)
{
    return s_of (file)->pMethods->xUnlock (s_of (file), how);
}

static int
s_check_lock (sqlite3_file *file, int *result_p)
{
    return s_of (file)->pMethods->xCheckReservedLock (s_of (file), result_p);
}

static int
s_control (sqlite3_file *file, int op, void *arg)
{
    return s_of (file)->pMethods->xFileControl (s_of (file), op, arg);
}

static int
s_sector (sqlite3_file *file)
{
    return s_of (file)->pMethods->xSectorSize (s_of (file));
}

static int
s_traits (sqlite3_file *file)
{
    (void)file;
    return 0; /* promises nothing: no atomic writes, no order */
}

static int
s_open (sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
        int *flags_p)
{
    /* Without shared memory: who locks exclusively needs none. */
    static const sqlite3_io_methods methods = {
        .iVersion = 1,
        .xClose = s_close,
        .xRead = s_read,
        .xWrite = s_write,
        .xTruncate = s_truncate,
        .xSync = s_sync,
        .xFileSize = s_size,
        .xLock = s_lock,
        .xUnlock = s_unlock,
        .xCheckReservedLock = s_check_lock,
        .xFileControl = s_control,
        .xSectorSize = s_sector,
        .xDeviceCharacteristics = s_traits,
    };
    s_file_t *self = (s_file_t *)file;
    (void)vfs;
    memset (self, 0, sizeof *self);
    self->real = (sqlite3_file *)(self + 1);
    int rc = s_real->xOpen (s_real, name, self->real, flags, flags_p);
    if (rc == SQLITE_OK) {
        self->base.pMethods = &methods;
        self->path = name ? strdup (name) : NULL;
    }
    return rc;
}

void
support_vfs_install (void)
{
    if (s_real)
        return;
    s_real = sqlite3_vfs_find (NULL);
    s_vfs = *s_real;
    s_vfs.zName = "covey-test";
    s_vfs.pNext = NULL;
    s_vfs.szOsFile += (int)sizeof (s_file_t);
    s_vfs.xOpen = s_open;
    assert (sqlite3_vfs_register (&s_vfs, 1) == SQLITE_OK);
}

void
support_vfs_fail_after (int steps, support_vfs_t how)
{
    s_steps = 0;
    s_limit = steps;
    s_how = how;
}

int
support_vfs_steps (void)
{
    return s_steps;
}
