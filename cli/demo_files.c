/*  What the demo counts: every regular file below a folder                   */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/demo.h"

#define DEPTH_MAX 64
#define EXTENSION_MAX 24

typedef struct {
    covey_demo_files_t *files;
    covey_errbuf_t *err;
    char path[PATH_MAX]; /* below the root                                    */
    size_t capacity;
} s_scan_t;

void
covey_demo_counts_add (covey_demo_counts_t *to,
                       const covey_demo_counts_t *counts)
{
    to->files += counts->files;
    to->lines += counts->lines;
    to->words += counts->words;
    to->bytes += counts->bytes;
}

/*  From the last dot of the name, if something stands before it.            */
static const char *
s_extension (const char *path)
{
    const char *slash = strrchr (path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr (name, '.');
    if (!dot || dot == name || !dot[1])
        return "(none)";
    if (strlen (dot) > EXTENSION_MAX)
        return "(other)";
    for (const char *p = dot; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '"' || *p == '\\')
            return "(other)";
    return dot;
}

static covey_err_t
s_add (s_scan_t *scan)
{
    covey_demo_files_t *files = scan->files;
    if (files->count == COVEY_DEMO_FILES_MAX)
        return covey_fail (scan->err, COVEY_LIMIT,
                           "%s: more than %d files; choose a smaller folder",
                           files->root, COVEY_DEMO_FILES_MAX);
    if (files->count == scan->capacity) {
        scan->capacity = scan->capacity ? scan->capacity * 2 : 256;
        files->items =
            realloc (files->items, scan->capacity * sizeof *files->items);
        if (!files->items)
            abort ();
    }
    covey_demo_file_t *file = &files->items[files->count++];
    memset (file, 0, sizeof *file);
    file->path = covey_str_dup (scan->path);
    return COVEY_OK;
}

static covey_err_t
s_unreadable (s_scan_t *scan)
{
    return covey_fail (scan->err, COVEY_IO,
                       "%s/%s: cannot be read: %s; choose another folder",
                       scan->files->root, scan->path, strerror (errno));
}

static covey_err_t s_scan_folder (s_scan_t *scan, int fd, int depth);

static covey_err_t
s_scan_entry (s_scan_t *scan, int dir_fd, const char *name, int depth)
{
    struct stat st;
    size_t before = strlen (scan->path);
    size_t size = strlen (name);
    if (before + size + 2 > sizeof scan->path - strlen (scan->files->root) - 1)
        return covey_fail (scan->err, COVEY_LIMIT,
                           "%s: a path in it is longer than %d bytes",
                           scan->files->root, PATH_MAX);
    if (fstatat (dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? COVEY_OK : s_unreadable (scan);
    covey_err_t rc = COVEY_OK;
    memcpy (scan->path + before, before ? "/" : "", before ? 2 : 1);
    memcpy (scan->path + strlen (scan->path), name, size + 1);
    if (S_ISREG (st.st_mode)) {
        if (faccessat (dir_fd, name, R_OK, AT_EACCESS) != 0)
            rc = s_unreadable (scan);
        else
            rc = s_add (scan);
    } else if (S_ISDIR (st.st_mode) && strcmp (name, ".git") != 0 &&
               !(depth == 0 && strcmp (name, "build") == 0)) {
        int fd = openat (dir_fd, name,
                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            rc = s_unreadable (scan);
        else
            rc = s_scan_folder (scan, fd, depth + 1);
    }
    scan->path[before] = '\0';
    return rc;
}

/*  Closes `fd`.                                                             */
static covey_err_t
s_scan_folder (s_scan_t *scan, int fd, int depth)
{
    if (depth > DEPTH_MAX) {
        close (fd);
        return covey_fail (scan->err, COVEY_LIMIT,
                           "%s: folders are nested more than %d deep",
                           scan->files->root, DEPTH_MAX);
    }
    DIR *dir = fdopendir (fd);
    if (!dir)
        abort (); /* only memory can be missing here                        */
    covey_err_t rc = COVEY_OK;
    struct dirent *entry;
    while (!rc && (entry = readdir (dir)))
        if (strcmp (entry->d_name, ".") != 0 &&
            strcmp (entry->d_name, "..") != 0)
            rc = s_scan_entry (scan, dirfd (dir), entry->d_name, depth);
    closedir (dir);
    return rc;
}

static int
s_compare (const void *a, const void *b)
{
    const covey_demo_file_t *left = a, *right = b;
    int order = strcmp (s_extension (left->path), s_extension (right->path));
    return order ? order : strcmp (left->path, right->path);
}

static void
s_group (covey_demo_files_t *self)
{
    assert (self->items && self->count);
    qsort (self->items, self->count, sizeof *self->items, s_compare);
    self->groups = calloc (self->count, sizeof *self->groups);
    if (!self->groups)
        abort ();
    for (size_t i = 0; i < self->count; i++) {
        const char *extension = s_extension (self->items[i].path);
        if (i == 0 ||
            strcmp (s_extension (self->items[i - 1].path), extension) != 0) {
            covey_demo_group_t *group = &self->groups[self->group_count++];
            group->extension = covey_str_dup (extension);
            group->first = i;
        }
        self->groups[self->group_count - 1].count++;
        self->items[i].group = self->group_count - 1;
    }
}

covey_err_t
covey_demo_files_scan (covey_demo_files_t *self, const char *root,
                       covey_errbuf_t *err)
{
    s_scan_t scan = {.files = self, .err = err};
    memset (self, 0, sizeof *self);
    int fd = open (root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return covey_fail (err, COVEY_INVALID, "%s: %s; give a folder", root,
                           errno == ENOTDIR ? "is not a folder"
                                            : strerror (errno));
    self->root = realpath (root, NULL);
    if (!self->root) {
        close (fd);
        return covey_fail (err, COVEY_INVALID, "%s: %s", root,
                           strerror (errno));
    }
    covey_err_t rc = s_scan_folder (&scan, fd, 0);
    if (!rc && self->count == 0)
        rc = covey_fail (err, COVEY_INVALID,
                         "%s: no regular file is in it; give a folder with "
                         "files",
                         self->root);
    if (!rc)
        s_group (self);
    return rc;
}

void
covey_demo_files_deinit (covey_demo_files_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        free (self->items[i].path);
    for (size_t i = 0; i < self->group_count; i++)
        free (self->groups[i].extension);
    free (self->items);
    free (self->groups);
    free (self->root);
    memset (self, 0, sizeof *self);
}
