#include "node/addressbook_actor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <czmq.h>

#include "base/mem.h"
#include "base/str.h"

struct covey_addressbook_actor {
    char *path;
    covey_log_t *log;
    zactor_t *actor;
};

covey_err_t
covey_addressbook_load (const char *path, covey_addressbook_t *book,
                        covey_errbuf_t *err)
{
    char text[COVEY_ADDRESSBOOK_BYTES_MAX];
    FILE *file = fopen (path, "rb");
    if (!file)
        return errno == ENOENT
                   ? COVEY_NOTFOUND
                   : covey_fail (err, COVEY_IO, "%s", strerror (errno));
    size_t size = fread (text, 1, sizeof text, file);
    bool failed = ferror (file) != 0;
    (void)fclose (file);
    if (failed)
        return covey_fail (err, COVEY_IO, "it cannot be read");
    if (size == sizeof text)
        return covey_fail (err, COVEY_CORRUPT, "it is longer than %d bytes",
                           COVEY_ADDRESSBOOK_BYTES_MAX);
    return covey_addressbook_read (book, text, size, err);
}

/* ------------------------------------------------------------------------ */
/*  The thread                                                               */

static bool
s_write_all (int fd, const uint8_t *data, size_t size)
{
    while (size) {
        ssize_t done = write (fd, data, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        data += done;
        size -= (size_t)done;
    }
    return fsync (fd) == 0;
}

/*  The folder keeps the new name, too.                                      */
static void
s_sync_folder (const char *path)
{
    char *folder = covey_str_dup (path);
    char *slash = strrchr (folder, '/');
    if (slash) {
        *slash = '\0';
        int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) {
            (void)fsync (fd);
            close (fd);
        }
    }
    free (folder);
}

static bool
s_replace (const char *path, const uint8_t *data, size_t size)
{
    char fresh[4096];
    snprintf (fresh, sizeof fresh, "%s.new", path);
    int fd = open (fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool good = s_write_all (fd, data, size);
    int why = errno;
    good = close (fd) == 0 && good && rename (fresh, path) == 0;
    if (!good) {
        why = why ? why : errno;
        (void)unlink (fresh);
        errno = why;
        return false;
    }
    s_sync_folder (path);
    return true;
}

static void
s_run (zsock_t *pipe, void *arg)
{
    const covey_addressbook_actor_t *self = arg;
    bool warned = false;
    zsock_signal (pipe, 0);
    for (;;) {
        zframe_t *text = zframe_recv (pipe);
        bool ends = !text || zframe_streq (text, "$TERM");
        if (!ends &&
            !s_replace (self->path, zframe_data (text), zframe_size (text))) {
            if (!warned)
                covey_log_write (self->log, COVEY_LOG_WARN, "node",
                                 "peers_not_remembered", "path=%s reason=%s",
                                 self->path, strerror (errno));
            warned = true;
        }
        zframe_destroy (&text);
        if (ends)
            return;
    }
}

/* ------------------------------------------------------------------------ */

covey_addressbook_actor_t *
covey_addressbook_actor_new (const char *path, covey_log_t *log)
{
    covey_addressbook_actor_t *self = covey_mem_new (sizeof *self);
    self->path = covey_str_dup (path);
    self->log = log;
    sigset_t all, before; /* no signal is handled in this thread              */
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    self->actor = zactor_new (s_run, self);
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    if (!self->actor)
        covey_addressbook_actor_destroy (&self);
    return self;
}

void
covey_addressbook_actor_destroy (covey_addressbook_actor_t **self_p)
{
    covey_addressbook_actor_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    zactor_destroy (&self->actor);
    free (self->path);
    free (self);
}

void
covey_addressbook_actor_save (covey_addressbook_actor_t *self,
                              const covey_buf_t *text)
{
    zframe_t *frame = zframe_new (text->data, text->size);
    /* A disk that hangs keeps the latest ones only: nothing waits for it. */
    if (zframe_send (&frame, self->actor, ZFRAME_DONTWAIT) != 0)
        zframe_destroy (&frame);
}
