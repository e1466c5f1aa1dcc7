#include "persist/expunge.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "proto/event.h"

#define STEP_BYTES (8u << 20)
#define LINE_MAX_BYTES ((size_t)8 * COVEY_EVENT_MAX)
#define NAMES_MAX 1000 /* archives of one second */

struct covey_expunge {
    int64_t older_than_us;
    int64_t last; /* offset                                                   */
    int64_t count;
    char *data_dir;
    char path[4096];
    int fd;
    covey_errbuf_t *err; /* of the step that runs                             */
    covey_err_t code;
    int64_t archived; /* offset: all rows up to here are in the file          */
    covey_buf_t line;
};

covey_expunge_t *
covey_expunge_new (const covey_journal_t *journal, int64_t older_than_us,
                   const char *data_dir)
{
    covey_expunge_t *self = covey_mem_new (sizeof *self);
    self->older_than_us = older_than_us;
    self->last = covey_journal_last_offset (journal);
    self->data_dir = covey_str_dup (data_dir);
    self->fd = -1;
    covey_buf_init (&self->line, LINE_MAX_BYTES);
    return self;
}

void
covey_expunge_destroy (covey_expunge_t **self_p)
{
    covey_expunge_t *self = *self_p;
    if (!self)
        return;
    if (self->fd >= 0)
        close (self->fd);
    covey_buf_deinit (&self->line);
    free (self->data_dir);
    free (self);
    *self_p = NULL;
}

int64_t
covey_expunge_count (const covey_expunge_t *self)
{
    return self->count;
}

/* ---- the archive -------------------------------------------------------- */

static covey_err_t
s_file_error (const covey_expunge_t *self, const char *doing,
              covey_errbuf_t *err)
{
    return covey_fail (err, COVEY_IO,
                       "cannot %s archive %s: %s; nothing that is not in it "
                       "was deleted",
                       doing, self->path, strerror (errno));
}

/*  A file name lasts only when its folder is synced too.                    */
static covey_err_t
s_sync_folder (const covey_expunge_t *self, covey_errbuf_t *err)
{
    char folder[4096];
    snprintf (folder, sizeof folder, "%.4000s/archive", self->data_dir);
    int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync (fd);
    if (fd >= 0)
        close (fd);
    return rc == 0 ? COVEY_OK : s_file_error (self, "sync", err);
}

static covey_err_t
s_create (covey_expunge_t *self, covey_errbuf_t *err)
{
    char when[40];
    covey_str_time (covey_clock_wall_us () / 1000000 * 1000000, when);
    when[19] = '\0'; /* up to the seconds */
    for (char *p = when; *p; p++)
        if (*p == ':')
            *p = '-';
    snprintf (self->path, sizeof self->path, "%.4000s/archive", self->data_dir);
    if (mkdir (self->path, 0700) != 0 && errno != EEXIST)
        return s_file_error (self, "create the folder of", err);
    for (int i = 0; i < NAMES_MAX && self->fd < 0; i++) {
        char suffix[16] = "";
        if (i)
            snprintf (suffix, sizeof suffix, "-%d", i);
        snprintf (self->path, sizeof self->path,
                  "%.4000s/archive/events-%s%s.jsonl", self->data_dir, when,
                  suffix);
        self->fd =
            open (self->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (self->fd < 0 && errno != EEXIST)
            break;
    }
    if (self->fd < 0)
        return s_file_error (self, "create", err);
    return s_sync_folder (self, err);
}

static covey_err_t
s_write_line (covey_expunge_t *self, covey_errbuf_t *err)
{
    size_t done = 0;
    while (done < self->line.size) {
        ssize_t n =
            write (self->fd, self->line.data + done, self->line.size - done);
        if (n < 0 && errno != EINTR)
            return s_file_error (self, "write", err);
        if (n > 0)
            done += (size_t)n;
    }
    return COVEY_OK;
}

static bool
s_on_row (void *arg, const Covey__Store__EventRow *row)
{
    covey_expunge_t *self = arg;
    covey_event_t *event = NULL;
    self->code =
        covey_event_unpack (row->event.data, row->event.len, &event, self->err);
    if (self->code != COVEY_OK)
        return false;
    covey_event_set_offset (event, row->offset);
    covey_buf_clear (&self->line);
    self->code = covey_event_write_json (event, &self->line);
    covey_event_destroy (&event);
    covey_buf_putc (&self->line, '\n');
    if (self->code == COVEY_OK && self->line.failed)
        self->code = COVEY_LIMIT;
    if (self->code != COVEY_OK)
        covey_fail (self->err, self->code,
                    "event at offset %" PRId64 " cannot be written as JSON",
                    row->offset);
    else
        self->code = s_write_line (self, self->err);
    return self->code == COVEY_OK;
}

/*  Write one step's rows; `archived` is the last that may be deleted.       */
static covey_err_t
s_archive (covey_expunge_t *self, covey_journal_t *journal, bool *more_p,
           covey_errbuf_t *err)
{
    Covey__Store__EventQuery query = COVEY__STORE__EVENT_QUERY__INIT;
    Covey__Store__EventPage page = COVEY__STORE__EVENT_PAGE__INIT;
    covey_err_t rc = self->fd < 0 ? s_create (self, err) : COVEY_OK;
    if (rc != COVEY_OK)
        return rc;
    query.has_until = query.has_before_offset = query.has_limit = 1;
    query.has_after_offset = 1;
    query.until = self->older_than_us;
    query.after_offset = self->archived;
    query.before_offset = self->last + 1;
    query.limit = COVEY_EXPUNGE_STEP;
    self->err = err;
    self->code = COVEY_OK;
    rc = covey_journal_query (journal, &query, STEP_BYTES, s_on_row, self,
                              &page, err);
    if (rc == COVEY_OK)
        rc = self->code;
    if (rc == COVEY_OK && fsync (self->fd) != 0)
        rc = s_file_error (self, "sync", err);
    if (rc == COVEY_OK) {
        self->archived = page.next_offset;
        *more_p = page.more;
    }
    return rc;
}

covey_err_t
covey_expunge_step (covey_expunge_t *self, covey_journal_t *journal,
                    bool *done_p, covey_errbuf_t *err)
{
    size_t count = 0;
    bool more = false;
    int64_t up_to = self->last;
    if (self->data_dir) {
        covey_err_t rc = s_archive (self, journal, &more, err);
        if (rc != COVEY_OK)
            return rc;
        up_to = self->archived;
    }
    covey_err_t rc = covey_journal_delete (journal, self->older_than_us, up_to,
                                           COVEY_EXPUNGE_STEP, &count, err);
    if (rc != COVEY_OK)
        return rc;
    self->count += (int64_t)count;
    *done_p = self->data_dir ? !more : count < COVEY_EXPUNGE_STEP;
    return COVEY_OK;
}
