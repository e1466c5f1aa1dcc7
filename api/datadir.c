#include "api/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/str.h"

#define PATH_SIZE 4096
#define SOCKET_NAME "agents.sock"
#define SOCKET_PATH_MAX (sizeof ((struct sockaddr_un *)0)->sun_path - 1)

/*  Those that linux/magic.h does not have.                                   */
#define FS_CIFS 0xff534d42
#define FS_SMB2 0xfe534d42
#define FS_CEPH 0x00c36400
#define FS_LUSTRE 0x0bd00bd0

struct covey_datadir {
    char path[PATH_SIZE];
    char session[PATH_SIZE];
    int lock_fd;
    covey_id_t node_id;
};

/*  The last part of a message: how to get out of this.                       */
static const char *
s_advice (int error)
{
    switch (error) {
        case EACCES:
        case EPERM:
            return "; give this user write permission or choose another folder";
        case EROFS:
            return "; the filesystem is read-only, choose another folder";
        case ENOSPC:
        case EDQUOT:
            return "; make room or choose another folder";
        case ENOTDIR:
            return "; a part of the path is a file, choose another folder";
        default:
            return "";
    }
}

static covey_err_t
s_fail (covey_errbuf_t *err, const char *what, const char *path, int error)
{
    return covey_fail (err, COVEY_IO, "data folder: cannot %s %.300s: %s%s",
                       what, path, strerror (error), s_advice (error));
}

covey_err_t
covey_datadir_make (const char *path, covey_errbuf_t *err)
{
    char part[PATH_SIZE];
    covey_str_copy (part, sizeof part, path);
    for (char *p = part + 1;; p++) {
        if (*p && *p != '/')
            continue;
        char kept = *p;
        *p = '\0';
        struct stat info;
        if (mkdir (part, 0700) != 0 &&
            (errno != EEXIST || stat (part, &info) != 0))
            return s_fail (err, "create", part, errno);
        if (!kept)
            break;
        *p = kept;
    }
    struct stat info;
    if (stat (path, &info) != 0)
        return s_fail (err, "read", path, errno);
    if (!S_ISDIR (info.st_mode))
        return s_fail (err, "use", path, ENOTDIR);
    return COVEY_OK;
}

static covey_err_t
s_check_filesystem (const char *path, covey_errbuf_t *err)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } remote[] = {{NFS_SUPER_MAGIC, "NFS"},   {SMB_SUPER_MAGIC, "SMB"},
                  {FS_CIFS, "CIFS"},          {FS_SMB2, "SMB"},
                  {AFS_SUPER_MAGIC, "AFS"},   {CODA_SUPER_MAGIC, "Coda"},
                  {FS_CEPH, "CephFS"},        {FS_LUSTRE, "Lustre"},
                  {NCP_SUPER_MAGIC, "NCPFS"}, {AFS_FS_MAGIC, "AFS"}};
    struct statfs info;
    if (statfs (path, &info) != 0)
        return s_fail (err, "examine", path, errno);
    unsigned long magic = (unsigned long)info.f_type & 0xffffffff;
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
        if (magic == remote[i].magic)
            return covey_fail (err, COVEY_IO,
                               "data folder %.300s is on %s; locks and fsync "
                               "need a local disk, choose another folder",
                               path, remote[i].name);
    return COVEY_OK;
}

/*  The pid in the lock file tells people whom to ask; the lock itself is what
    counts, and it ends with the process.                                     */
static covey_err_t
s_lock (covey_datadir_t *self, covey_errbuf_t *err)
{
    char path[PATH_SIZE + 16], pid[32] = "";
    snprintf (path, sizeof path, "%s/lock", self->path);
    self->lock_fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->lock_fd < 0)
        return s_fail (err, "write", path, errno);
    if (flock (self->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t size = read (self->lock_fd, pid, sizeof pid - 1);
        pid[size > 0 ? strcspn (pid, "\n") : 0] = '\0';
        return covey_fail (err, COVEY_BUSY,
                           "data folder %.300s is in use by process %s; stop "
                           "it or choose another folder",
                           self->path, *pid ? pid : "(unknown)");
    }
    int size = snprintf (pid, sizeof pid, "%ld\n", (long)getpid ());
    if (ftruncate (self->lock_fd, 0) != 0 ||
        pwrite (self->lock_fd, pid, (size_t)size, 0) != size)
        return s_fail (err, "write", path, errno);
    return COVEY_OK;
}

/*  Written aside and renamed: a crash leaves the old state or the new one.   */
static covey_err_t
s_write_id (covey_datadir_t *self, const char *path, covey_errbuf_t *err)
{
    char aside[PATH_SIZE + 16], text[38];
    snprintf (aside, sizeof aside, "%s/node.id.new", self->path);
    self->node_id = covey_id_new ();
    covey_id_text (self->node_id.bytes, text);
    text[36] = '\n';
    int fd = open (aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_good = fd >= 0 && write (fd, text, 37) == 37 && fsync (fd) == 0;
    int error = errno;
    if (fd >= 0 && close (fd) != 0 && is_good) {
        is_good = false;
        error = errno;
    }
    if (is_good && rename (aside, path) != 0) {
        is_good = false;
        error = errno;
    }
    return is_good ? COVEY_OK : s_fail (err, "write", path, error);
}

static covey_err_t
s_load_id (covey_datadir_t *self, covey_errbuf_t *err)
{
    char path[PATH_SIZE + 16], text[64];
    snprintf (path, sizeof path, "%s/node.id", self->path);
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return s_write_id (self, path, err);
    if (fd < 0)
        return s_fail (err, "read", path, errno);
    ssize_t size = read (fd, text, sizeof text - 1);
    close (fd);
    text[size > 0 ? size : 0] = '\0';
    text[strcspn (text, "\r\n")] = '\0';
    if (covey_id_parse (text, self->node_id.bytes))
        return covey_fail (err, COVEY_CORRUPT,
                           "%.300s holds no node id; remove the file to get a "
                           "new one",
                           path);
    return COVEY_OK;
}

covey_err_t
covey_datadir_open (const char *path, covey_datadir_t **dir_p,
                    covey_errbuf_t *err)
{
    size_t size = strlen (path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    if (size + 1 + strlen (SOCKET_NAME) > SOCKET_PATH_MAX)
        return covey_fail (err, COVEY_LIMIT,
                           "data folder: the path has %zu bytes, at most %zu "
                           "leave room for the local socket in it; choose a "
                           "shorter one",
                           size, SOCKET_PATH_MAX - 1 - strlen (SOCKET_NAME));
    covey_datadir_t *self = calloc (1, sizeof *self);
    if (!self)
        abort ();
    self->lock_fd = -1;
    covey_str_copy (self->path, size + 1, path);
    snprintf (self->session, sizeof self->session, "ipc://%.200s/%s",
              self->path, SOCKET_NAME);
    covey_err_t rc = covey_datadir_make (self->path, err);
    if (rc == COVEY_OK)
        rc = s_check_filesystem (self->path, err);
    if (rc == COVEY_OK)
        rc = s_lock (self, err);
    if (rc == COVEY_OK)
        rc = s_load_id (self, err);
    if (rc)
        covey_datadir_close (&self);
    else
        *dir_p = self;
    return rc;
}

void
covey_datadir_close (covey_datadir_t **self_p)
{
    if (!*self_p)
        return;
    if ((*self_p)->lock_fd >= 0)
        close ((*self_p)->lock_fd);
    free (*self_p);
    *self_p = NULL;
}

const char *
covey_datadir_path (const covey_datadir_t *self)
{
    return self->path;
}

covey_id_t
covey_datadir_node_id (const covey_datadir_t *self)
{
    return self->node_id;
}

const char *
covey_datadir_session (const covey_datadir_t *self)
{
    return self->session;
}
