#include "support_journal.h"

#include <assert.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "proto/event.pb-c.h"

void
support_event_id (uint64_t number, uint8_t id[16])
{
    /* not in the order of the numbers, so that the index is written all over */
    uint64_t mixed = number * UINT64_C (0x9e3779b97f4a7c15);
    memcpy (id, &mixed, 8);
    memcpy (id + 8, &number, 8);
}

static size_t
s_count (const char *const list[4])
{
    size_t count = 0;
    while (count < 4 && list[count])
        count++;
    return count;
}

/*  The message of the type; it lives until the next call.                   */
static void
s_set_data (Covey__V1__Event *event, int type, char *text)
{
    static Covey__V1__Payload content;
    static Covey__V1__Message sent;
    static Covey__V1__TaskStarted started;
    static Covey__V1__Broadcast broadcast;
    static Covey__V1__SystemNotice notice;
    covey__v1__payload__init (&content);
    content.has_content_type = content.has_data = 1;
    content.content_type = COVEY__V1__CONTENT_TYPE__TEXT;
    content.data.data = (uint8_t *)text;
    content.data.len = strlen (text);
    event->data_case = (Covey__V1__Event__DataCase)type;
    if (type == COVEY_EVENT_MESSAGE_SENT) {
        covey__v1__message__init (&sent);
        sent.message_id = (char *)(uintptr_t) "m";
        sent.content = &content;
        sent.has_content_type = 1;
        event->message_sent = &sent;
    } else if (type == COVEY_EVENT_TASK_STARTED) {
        covey__v1__task_started__init (&started);
        started.task_id = text;
        event->task_started = &started;
    } else if (type == COVEY_EVENT_BROADCAST) {
        covey__v1__broadcast__init (&broadcast);
        broadcast.topic = (char *)(uintptr_t) "t";
        broadcast.content = &content;
        broadcast.has_scope = 1;
        event->broadcast = &broadcast;
    } else {
        assert (type == COVEY_EVENT_SYSTEM_INFO);
        covey__v1__system_notice__init (&notice);
        notice.component = (char *)(uintptr_t) "c";
        notice.message = text;
        event->system_info = &notice;
    }
}

static char *
s_text (const char *text, const char *otherwise)
{
    return (char *)(uintptr_t)(text ? text : otherwise);
}

void
support_pack (const support_event_t *from, const uint8_t origin[16],
              uint64_t seq, covey_buf_t *to, covey_peek_t *peek)
{
    Covey__V1__Event event = COVEY__V1__EVENT__INIT;
    uint8_t id[16];
    support_event_id (from->number, id);
    event.has_id = event.has_origin = event.has_origin_seq = 1;
    event.id.data = id;
    event.origin.data = (uint8_t *)(uintptr_t)origin;
    event.id.len = event.origin.len = 16;
    event.origin_seq = seq;
    event.source = s_text (from->source, "a");
    event.n_target = s_count (from->targets);
    event.target = (char **)(uintptr_t)from->targets;
    event.n_tags = s_count (from->tags);
    event.tags = (char **)(uintptr_t)from->tags;
    event.has_timestamp = event.has_hlc = event.has_priority = 1;
    event.timestamp = from->ts ? from->ts : 1700000000000000;
    event.hlc = (uint64_t)event.timestamp / 1000 << 16;
    event.priority = (Covey__V1__Priority)from->priority;
    event.correlation_id = s_text (from->correlation, NULL);
    event.session_id = s_text (from->session, NULL);
    event.has_ttl_ms = from->ttl_ms > 0;
    event.ttl_ms = from->ttl_ms;
    s_set_data (&event, from->type ? from->type : COVEY_EVENT_MESSAGE_SENT,
                s_text (from->text, "hello"));
    size_t size = covey__v1__event__get_packed_size (&event);
    uint8_t *room = covey_buf_extend (to, size);
    assert (room);
    covey__v1__event__pack (&event, room);
    covey_err_t rc = covey_peek (to->data, to->size, peek);
    assert (rc == COVEY_OK);
}

covey_err_t
support_append (covey_journal_t *journal, const support_event_t *event,
                const uint8_t origin[16], uint64_t seq, int64_t *offset_p,
                covey_errbuf_t *err)
{
    covey_buf_t packed;
    covey_peek_t peek;
    bool duplicate = false;
    uint64_t expect = 0;
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    support_pack (event, origin, seq, &packed, &peek);
    covey_err_t rc =
        covey_journal_append (journal, &peek, origin, seq, 1700000000000000,
                              offset_p, &duplicate, &expect, err);
    covey_buf_deinit (&packed);
    return rc;
}

/* ---- a disk that fails -------------------------------------------------- */

static support_disk_t s_disk;
static sqlite3_vfs *s_real_vfs, s_vfs;

/*  SQLite's unix VFS has one table of methods for files with locks and one for
    those without; both get a twin that may fail.                             */
#define METHODS_MAX 4
static const sqlite3_io_methods *s_real[METHODS_MAX];
static sqlite3_io_methods s_failing[METHODS_MAX];

static const sqlite3_io_methods *
s_real_of (const sqlite3_file *file)
{
    return s_real[file->pMethods - s_failing];
}

static int
s_verdict (int error)
{
    if (error && s_disk.passes > 0) {
        s_disk.passes--;
        return SQLITE_OK;
    }
    return error;
}

static int
s_write (sqlite3_file *file, const void *from, int size, sqlite3_int64 at)
{
    int rc = s_verdict (s_disk.write_error);
    return rc ? rc : s_real_of (file)->xWrite (file, from, size, at);
}

static int
s_sync (sqlite3_file *file, int flags)
{
    int64_t left_ms = s_disk.slow_until_ms - covey_clock_mono_ms ();
    if (left_ms > 0)
        (void)poll (NULL, 0, (int)left_ms);
    int rc = s_verdict (s_disk.sync_error);
    return rc ? rc : s_real_of (file)->xSync (file, flags);
}

static int
s_open (sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
        int *out_flags)
{
    (void)vfs;
    int rc = s_real_vfs->xOpen (s_real_vfs, name, file, flags, out_flags);
    if (rc == SQLITE_OK && name && strstr (name, "journal.db")) {
        size_t i = 0;
        while (s_real[i] && s_real[i] != file->pMethods)
            i++;
        assert (i < METHODS_MAX);
        s_real[i] = file->pMethods;
        s_failing[i] = *s_real[i];
        s_failing[i].xWrite = s_write;
        s_failing[i].xSync = s_sync;
        file->pMethods = &s_failing[i];
    }
    return rc;
}

support_disk_t *
support_disk_install (void)
{
    s_real_vfs = sqlite3_vfs_find (NULL);
    s_vfs = *s_real_vfs;
    s_vfs.zName = "failing";
    s_vfs.xOpen = s_open;
    s_vfs.pNext = NULL;
    memset (&s_disk, 0, sizeof s_disk);
    sqlite3_vfs_register (&s_vfs, 1);
    return &s_disk;
}

void
support_disk_remove (void)
{
    sqlite3_vfs_unregister (&s_vfs);
    sqlite3_vfs_register (s_real_vfs, 1);
}
