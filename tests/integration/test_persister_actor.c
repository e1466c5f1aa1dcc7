/*  The persister's thread, with a node played by the test.                  */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/prng.h"
#include "tests/support/support_dir.h"
#include "tests/support/support_persister.h"

static const uint8_t s_a[16] = "origin-a-------";
static const uint8_t s_b[16] = "origin-b-------";

typedef struct {
    char folder[SUPPORT_DIR_SIZE];
    support_fake_t *node;
    covey_persister_config_t config;
    covey_persister_actor_t *actor;
    covey_errbuf_t err;
} s_self_t;

static void
s_start (s_self_t *self)
{
    self->config.endpoint = support_fake_endpoint (self->node);
    covey_err_t rc = support_fake_start (self->node, &self->config,
                                         &self->actor, &self->err);
    if (rc != COVEY_OK)
        fail_msg ("%s: %s", covey_err_name (rc), self->err.text);
}

static int
s_set_up_stopped (void **state)
{
    s_self_t *self = calloc (1, sizeof *self);
    support_dir_make (self->folder);
    self->node = support_fake_new ();
    covey_persister_config_init (&self->config);
    self->config.data_dir = self->folder;
    self->config.retention_days = 0; /* the events of tests are old */
    *state = self;
    return 0;
}

static int
s_set_up (void **state)
{
    s_set_up_stopped (state);
    s_start (*state);
    return 0;
}

static int
s_set_up_memory (void **state)
{
    s_set_up_stopped (state);
    s_self_t *self = *state;
    self->config.data_dir = NULL;
    s_start (self);
    return 0;
}

static int
s_tear_down (void **state)
{
    s_self_t *self = *state;
    covey_persister_actor_destroy (&self->actor);
    support_fake_destroy (&self->node);
    support_dir_remove (self->folder);
    free (self);
    return 0;
}

/*  Stop, and start on the same folder with a new session.                   */
static void
s_restart (s_self_t *self)
{
    covey_persister_actor_destroy (&self->actor);
    support_fake_destroy (&self->node);
    self->node = support_fake_new ();
    s_start (self);
}

static void
s_expect_call (s_self_t *self, const char *method, const char *params,
               const char *words)
{
    char *result = support_fake_call (self->node, method, params);
    if (!strstr (result, words))
        fail_msg ("%s %s: %s", method, params ? params : "", result);
    free (result);
}

static void
s_expect_ack (s_self_t *self, uint64_t seq, size_t count, int64_t first_offset)
{
    Covey__Wire__JournalAck *ack = support_fake_ack (self->node);
    if (ack->has_code)
        fail_msg ("refused: %s", ack->text);
    assert_int_equal (ack->seq, seq);
    assert_int_equal (ack->n_offsets, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal (ack->offsets[i], first_offset + (int64_t)i);
    covey__wire__journal_ack__free_unpacked (ack, NULL);
}

static void
s_expect_refusal (s_self_t *self, covey_err_t code, const char *word)
{
    Covey__Wire__JournalAck *ack = support_fake_ack (self->node);
    if (!ack->has_code || ack->code != code || !strstr (ack->text, word))
        fail_msg ("wanted %s with \"%s\", got %s: %s", covey_err_name (code),
                  word, covey_err_name (ack->code), ack->text ? ack->text : "");
    assert_int_equal (ack->n_offsets, 0);
    covey__wire__journal_ack__free_unpacked (ack, NULL);
}

/*  Nothing more is stored than up to `seq`; what follows is to come again.  */
static void
s_expect_rewind (s_self_t *self, uint64_t seq)
{
    Covey__Wire__JournalAck *ack = support_fake_ack (self->node);
    assert_false (ack->has_code);
    assert_int_equal (ack->seq, seq);
    assert_int_equal (ack->expect, seq + 1);
    assert_int_equal (ack->n_offsets, 0);
    covey__wire__journal_ack__free_unpacked (ack, NULL);
}

/* ---- storing ------------------------------------------------------------ */

static void
test_events_are_acknowledged_with_their_offsets (void **state)
{
    s_self_t *self = *state;
    support_fake_journal (self->node, s_a, 1, 3, NULL);
    s_expect_ack (self, 3, 3, 1);
    support_fake_journal (self->node, s_a, 4, 4, NULL);
    s_expect_ack (self, 4, 1, 4);
    s_expect_call (self, "mesh.persister", NULL, "\"offset\":4");
}

static void
test_acknowledged_events_are_in_the_file (void **state)
{
    s_self_t *self = *state;
    char path[128];
    covey_journal_t *journal = NULL;
    support_fake_journal (self->node, s_a, 1, 1000, NULL);
    support_fake_wait_acked (self->node, 1000);
    snprintf (path, sizeof path, "%s/journal.db", self->folder);
    assert_int_equal (
        covey_journal_open (path, COVEY_JOURNAL_READ, &journal, &self->err),
        COVEY_OK);
    assert_int_equal (covey_journal_count (journal), 1000);
    covey_journal_close (&journal);
}

static void
test_events_sent_again_after_a_restart_keep_their_offsets (void **state)
{
    s_self_t *self = *state;
    support_fake_journal (self->node, s_a, 1, 5, NULL);
    s_expect_ack (self, 5, 5, 1);
    s_restart (self);
    support_fake_journal (self->node, s_a, 3, 7, NULL);
    s_expect_ack (self, 7, 5, 3);
    s_expect_call (self, "mesh.persister", NULL, "\"duplicates\":3");
    s_expect_call (self, "mesh.persister", NULL, "\"events\":7");
}

static void
test_gap_is_refused_with_what_is_expected (void **state)
{
    s_self_t *self = *state;
    support_fake_journal (self->node, s_a, 1, 2, NULL);
    s_expect_ack (self, 2, 2, 1);
    support_fake_journal (self->node, s_a, 5, 6, NULL);
    s_expect_rewind (self, 2);
    support_fake_journal (self->node, s_a, 3, 6, NULL);
    s_expect_ack (self, 6, 4, 3);
    s_expect_call (self, "mesh.persister", NULL, "\"gaps\":0");
}

static void
test_gap_that_cannot_be_filled_is_passed_and_counted (void **state)
{
    s_self_t *self = *state;
    support_fake_journal (self->node, s_b, 8, 9, NULL);
    s_expect_rewind (self, 0);
    support_fake_journal (self->node, s_b, 10, 11, NULL); /* was on its way */
    s_expect_rewind (self, 0);
    support_fake_journal (self->node, s_b, 8, 9, NULL); /* all that it has */
    s_expect_ack (self, 9, 2, 1);
    support_fake_journal (self->node, s_b, 10, 11, NULL);
    s_expect_ack (self, 11, 2, 3);
    s_expect_call (self, "mesh.persister", NULL, "\"gaps\":1");
}

static void
test_malformed_event_is_skipped_and_the_next_is_stored (void **state)
{
    s_self_t *self = *state;
    support_fake_journal_raw (self->node, s_a, 1, "\xff\xff\xff", 3);
    s_expect_ack (self, 1, 1, -1);
    support_fake_journal (self->node, s_a, 2, 2, NULL);
    s_expect_ack (self, 2, 1, 1);
}

static void
test_malformed_frames_do_no_harm (void **state)
{
    s_self_t *self = *state;
    covey_prng_t prng;
    uint8_t bytes[64];
    covey_prng_init (&prng, 42);
    for (int i = 0; i < 2000; i++) {
        size_t size = (size_t)covey_prng_below (&prng, sizeof bytes);
        for (size_t k = 0; k < size; k++)
            bytes[k] = (uint8_t)covey_prng_next (&prng);
        bytes[1] = 9; /* of another protocol */
        if (i % 2) {  /* a Journal frame at first sight */
            bytes[0] = COVEY_FRAME_JOURNAL;
            bytes[1] = COVEY_PROTOCOL_VERSION;
            bytes[2] = (uint8_t)covey_prng_below (&prng, 8);
            bytes[3] = bytes[4] = bytes[5] = 0;
        }
        support_fake_send (self->node, bytes, size);
        if (i % 200 == 0) /* more than its socket holds would be lost */
            s_expect_call (self, "mesh.persister", NULL, "\"offset\":0");
    }
    support_fake_journal (self->node, s_a, 1, 1, NULL);
    s_expect_ack (self, 1, 1, 1);
}

static void
s_make_type (support_event_t *event)
{
    event->type =
        event->number % 2 ? COVEY_EVENT_TASK_STARTED : COVEY_EVENT_SYSTEM_INFO;
}

static void
test_types_that_are_not_kept_are_acknowledged_without_offset (void **state)
{
    s_self_t *self = *state;
    static const int types[] = {COVEY_EVENT_SYSTEM_INFO};
    self->config.persist_all = false;
    self->config.persist_types = types;
    self->config.persist_type_count = 1;
    s_start (self);
    support_fake_journal (self->node, s_a, 1, 4, s_make_type);
    Covey__Wire__JournalAck *ack = support_fake_ack (self->node);
    assert_int_equal (ack->seq, 4);
    assert_int_equal (ack->n_offsets, 4);
    assert_int_equal (ack->offsets[0], -1);
    assert_int_equal (ack->offsets[1], 1);
    assert_int_equal (ack->offsets[2], -1);
    assert_int_equal (ack->offsets[3], 2);
    covey__wire__journal_ack__free_unpacked (ack, NULL);
}

static void
test_full_disk_refuses_says_why_and_recovers (void **state)
{
    s_self_t *self = *state;
    support_disk_t *disk = support_disk_install ();
    s_start (self);
    support_fake_journal (self->node, s_a, 1, 1, NULL);
    s_expect_ack (self, 1, 1, 1);
    disk->write_error = SQLITE_FULL;
    support_fake_journal (self->node, s_a, 2, 3, NULL);
    s_expect_refusal (self, COVEY_IO, "disk is full");
    s_expect_call (self, "mesh.persister", NULL, "disk is full");
    Covey__Store__EventPage *page = support_fake_events (self->node, "{}");
    assert_int_equal (page->n_rows, 1); /* reading goes on */
    covey__store__event_page__free_unpacked (page, NULL);
    support_fake_journal (self->node, s_a, 2, 3, NULL);
    s_expect_refusal (self, COVEY_IO, "disk is full");
    disk->write_error = 0;
    char *status = NULL;
    do { /* until the probe of each second found the disk well */
        free (status);
        status = support_fake_call (self->node, "mesh.persister", NULL);
    } while (strstr (status, "error"));
    free (status);
    support_fake_journal (self->node, s_a, 2, 3, NULL);
    s_expect_ack (self, 3, 2, 2);
    covey_persister_actor_destroy (&self->actor);
    support_disk_remove ();
}

/* ---- in charge ---------------------------------------------------------- */

static void
s_set_role (s_self_t *self, uint64_t epoch, int64_t until_ms)
{
    char words[32], *status = NULL;
    covey_persister_actor_set_role (self->actor, epoch, until_ms);
    snprintf (words, sizeof words, "\"epoch\":%llu}",
              (unsigned long long)epoch);
    do { /* until it knows */
        free (status);
        status = support_fake_call (self->node, "mesh.persister", NULL);
    } while (!strstr (status, words));
    free (status);
}

static void
test_only_who_is_in_charge_acknowledges (void **state)
{
    s_self_t *self = *state;
    support_fake_journal (self->node, s_a, 1, 1, NULL);
    s_expect_ack (self, 1, 1, 1); /* nobody was designated yet */
    s_set_role (self, 5, INT64_MAX);
    support_fake_journal (self->node, s_a, 2, 2, NULL);
    s_expect_ack (self, 2, 1, 2);
    s_set_role (self, 0, INT64_MAX);
    support_fake_journal (self->node, s_a, 3, 3, NULL);
    s_expect_refusal (self, COVEY_FENCED, "stands by");
    s_set_role (self, 9, covey_clock_mono_ms ());
    support_fake_journal (self->node, s_a, 3, 3, NULL);
    s_expect_refusal (self, COVEY_EAGAIN, "still in charge");
    /* the lease was renewed */
    covey_persister_actor_set_role (self->actor, 9, INT64_MAX);
    s_set_role (self, 10, INT64_MAX);
    support_fake_journal (self->node, s_a, 3, 3, NULL);
    s_expect_ack (self, 3, 1, 3);
}

/*  The lease ends during the commit: what is in it is not acknowledged, and no
    refusal says that it is stored.                                           */
static void
test_slow_disk_outlives_no_lease (void **state)
{
    s_self_t *self = *state;
    support_disk_t *disk = support_disk_install ();
    s_start (self);
    support_fake_journal (self->node, s_a, 1, 1, NULL);
    s_expect_ack (self, 1, 1, 1);
    int64_t end_ms = covey_clock_mono_ms () + 500;
    disk->slow_until_ms = end_ms;
    s_set_role (self, 5, end_ms);
    support_fake_journal (self->node, s_a, 2, 2, NULL);
    Covey__Wire__JournalAck *ack = support_fake_ack (self->node);
    assert_int_equal (ack->code, COVEY_EAGAIN);
    assert_int_equal (ack->seq, 0);
    covey__wire__journal_ack__free_unpacked (ack, NULL);
    s_set_role (self, 6, INT64_MAX);
    support_fake_journal (self->node, s_a, 2, 2, NULL);
    support_fake_wait_acked (self->node, 2);
    covey_persister_actor_destroy (&self->actor);
    support_disk_remove ();
}

/* ---- asking ------------------------------------------------------------- */

static void
s_make_numbered (support_event_t *event)
{
    static const char *const sources[] = {"ant", "bee", "cow"};
    s_make_type (event);
    event->source = sources[event->number % 3];
    event->text = event->number == 7 ? "needle" : "straw";
    event->ts = 1700000000000000 + (int64_t)event->number * 1000000;
}

static void
s_expect_pages (s_self_t *self)
{
    int64_t after = 0;
    size_t rows = 0, pages = 0;
    bool more = true;
    while (more) {
        char params[160];
        snprintf (params, sizeof params,
                  "{\"sources\":[\"ant\",\"cow\"],\"types\":[\"task:started\"],"
                  "\"limit\":10,\"afterOffset\":%lld}",
                  (long long)after);
        Covey__Store__EventPage *page =
            support_fake_events (self->node, params);
        for (size_t i = 0; i < page->n_rows; i++) {
            covey_peek_t peek;
            assert_int_equal (covey_peek (page->rows[i]->event.data,
                                          page->rows[i]->event.len, &peek),
                              COVEY_OK);
            assert_int_equal (peek.type, COVEY_EVENT_TASK_STARTED);
            assert_false (covey_slice_equal (peek.source, "bee"));
        }
        rows += page->n_rows;
        pages++;
        after = page->next_offset;
        more = page->more;
        covey__store__event_page__free_unpacked (page, NULL);
    }
    assert_int_equal (rows, 33);
    assert_int_equal (pages, 4);
}

static void
test_queries_are_answered_page_by_page (void **state)
{
    s_self_t *self = *state;
    support_fake_journal (self->node, s_a, 1, 100, s_make_numbered);
    support_fake_wait_acked (self->node, 100);
    s_expect_pages (self);
    Covey__Store__EventPage *page =
        support_fake_events (self->node, "{\"text\":\"need\"}");
    assert_int_equal (page->n_rows, 1);
    assert_int_equal (page->rows[0]->offset, 7);
    covey__store__event_page__free_unpacked (page, NULL);
}

static void
test_statistics_come_as_json (void **state)
{
    s_self_t *self = *state;
    support_fake_journal (self->node, s_a, 1, 100, s_make_numbered);
    support_fake_wait_acked (self->node, 100);
    s_expect_call (self, "mesh.stats", "{\"groupBy\":\"source\"}",
                   "{\"source\":\"bee\",\"count\":34}");
    s_expect_call (self, "mesh.stats", NULL,
                   "{\"type\":\"task:started\",\"count\":50}");
    s_expect_call (self, "mesh.aggregates", "{\"minCount\":10}",
                   "\"firstSeen\":\"2023-11-14T22:13:21");
}

static void
test_bad_requests_are_answered_with_one_line (void **state)
{
    s_self_t *self = *state;
    s_expect_call (self, "mesh.evnets", NULL, "NOTFOUND: the persister has no");
    s_expect_call (self, "mesh.events", "{\"tpyes\":[]}", "INVALID: ");
    s_expect_call (self, "mesh.events", "{\"types\":[\"task:strated\"]}",
                   "INVALID: type \"task:strated\"");
    s_expect_call (self, "mesh.events", "{\"limit\":10001}", "INVALID: limit");
    s_expect_call (self, "mesh.events", "[]", ": ");
    s_expect_call (self, "mesh.stats", "{\"groupBy\":\"x\"}",
                   "INVALID: groupBy");
    s_expect_call (self, "mesh.mark", NULL, "INVALID: ");
    s_expect_call (self, "mesh.mark", "{\"id\":\"7\"}", "INVALID: id \"7\"");
    s_expect_call (self, "mesh.mark",
                   "{\"id\":\"01890a5d-ac96-774b-bcce-b302099a8057\"}",
                   "NOTFOUND: ");
    s_expect_call (self, "mesh.delete", "{}", "INVALID: ");
}

static void
test_marked_event_shows_it (void **state)
{
    s_self_t *self = *state;
    uint8_t id[16];
    char text[37], params[64];
    support_fake_journal (self->node, s_a, 1, 3, NULL);
    support_fake_wait_acked (self->node, 3);
    support_event_id (2, id);
    covey_id_text (id, text);
    snprintf (params, sizeof params, "{\"id\":\"%s\"}", text);
    s_expect_call (self, "mesh.mark", params, "{\"count\":1}");
    Covey__Store__EventPage *page = support_fake_events (self->node, "{}");
    assert_int_equal (page->n_rows, 3);
    assert_false (page->rows[0]->processed);
    assert_true (page->rows[1]->processed);
    covey__store__event_page__free_unpacked (page, NULL);
}

/* ---- waiting ------------------------------------------------------------ */

static void
s_make_rare (support_event_t *event)
{
    event->source = "rare";
}

/*  The answer to `request_id` has one row, at `offset`.                     */
static void
s_expect_row (s_self_t *self, const char *request_id, int64_t offset)
{
    covey_event_t *response = support_fake_response (self->node, request_id);
    Covey__Store__EventPage *page = support_page (response);
    assert_int_equal (page->n_rows, 1);
    assert_int_equal (page->rows[0]->offset, offset);
    assert_int_equal (page->next_offset, offset);
    covey__store__event_page__free_unpacked (page, NULL);
    covey_event_destroy (&response);
}

static void
test_waiting_query_gets_the_event_when_it_comes (void **state)
{
    s_self_t *self = *state;
    support_fake_journal (self->node, s_a, 1, 10, NULL);
    support_fake_wait_acked (self->node, 10);
    support_fake_ask (self->node, "w1", "mesh.events",
                      "{\"sources\":[\"rare\"],\"wait\":9000}", 10000);
    support_fake_ask (self->node, "w2", "mesh.events",
                      "{\"afterOffset\":10,\"wait\":9000}", 10000);
    support_fake_journal (self->node, s_a, 11, 11, NULL);
    s_expect_row (self, "w2", 11);
    support_fake_journal (self->node, s_a, 12, 12, s_make_rare);
    s_expect_row (self, "w1", 12);
}

static void
test_waiting_query_is_answered_empty_at_its_deadline (void **state)
{
    s_self_t *self = *state;
    support_fake_journal (self->node, s_a, 1, 10, NULL);
    support_fake_wait_acked (self->node, 10);
    support_fake_ask (self->node, "w", "mesh.events",
                      "{\"sources\":[\"rare\"],\"wait\":50}", 5000);
    covey_event_t *response = support_fake_response (self->node, "w");
    Covey__Store__EventPage *page = support_page (response);
    assert_int_equal (page->n_rows, 0);
    assert_int_equal (page->scanned_offset, 10);
    covey__store__event_page__free_unpacked (page, NULL);
    covey_event_destroy (&response);
}

/*  Follow the journal while events stream in: all, in order, none twice.    */
static void
test_follower_sees_a_stream_once_and_in_order (void **state)
{
    s_self_t *self = *state;
    int64_t after = 0;
    uint64_t sent = 0;
    while (after < 3000) {
        char params[80];
        snprintf (params, sizeof params,
                  "{\"afterOffset\":%lld,\"wait\":4000,\"limit\":70}",
                  (long long)after);
        support_fake_ask (self->node, "f", "mesh.events", params, 5000);
        if (sent < 3000) {
            support_fake_journal (self->node, s_a, sent + 1, sent + 60, NULL);
            sent += 60;
        }
        covey_event_t *response = support_fake_response (self->node, "f");
        Covey__Store__EventPage *page = support_page (response);
        for (size_t i = 0; i < page->n_rows; i++)
            assert_int_equal (page->rows[i]->offset, ++after);
        covey__store__event_page__free_unpacked (page, NULL);
        covey_event_destroy (&response);
    }
}

/* ---- large events ------------------------------------------------------- */

static void
test_large_event_comes_in_parts (void **state)
{
    s_self_t *self = *state;
    char *text = malloc (900001);
    covey_buf_t packed;
    covey_peek_t peek;
    memset (text, 'x', 900000);
    text[900000] = '\0';
    support_event_t event = {.number = 2, .text = text};
    covey_buf_init (&packed, COVEY_EVENT_MAX);
    support_pack (&event, s_a, 2, &packed, &peek);
    support_fake_journal (self->node, s_a, 1, 1, NULL);
    support_fake_journal_raw (self->node, s_a, 2, packed.data, packed.size);
    support_fake_journal (self->node, s_a, 3, 3, NULL);
    support_fake_wait_acked (self->node, 3);
    Covey__Store__EventPage *page = support_fake_events (self->node, "{}");
    assert_int_equal (page->n_rows, 1); /* the large one did not fit behind */
    assert_true (page->more);
    covey__store__event_page__free_unpacked (page, NULL);
    size_t have = 0;
    while (have < packed.size) {
        char params[80];
        snprintf (params, sizeof params,
                  "{\"afterOffset\":1,\"limit\":1,\"partFrom\":%zu}", have);
        page = support_fake_events (self->node, params);
        assert_int_equal (page->n_rows, 1);
        assert_int_equal (page->rows[0]->event_size, packed.size);
        size_t size = page->rows[0]->event.len;
        assert_true (size > 0 && size <= packed.size - have);
        assert_memory_equal (page->rows[0]->event.data, packed.data + have,
                             size);
        have += size;
        covey__store__event_page__free_unpacked (page, NULL);
    }
    page = support_fake_events (self->node, "{\"afterOffset\":2}");
    assert_int_equal (page->n_rows, 1);
    covey__store__event_page__free_unpacked (page, NULL);
    covey_buf_deinit (&packed);
    free (text);
}

/* ---- deleting ----------------------------------------------------------- */

static size_t
s_count_lines (const char *path, size_t lines)
{
    FILE *file = fopen (path, "r");
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    while ((size = getline (&line, &capacity, file)) > 0) {
        covey_event_t *event = NULL;
        assert_int_equal (
            covey_event_parse_json (line, (size_t)size - 1, &event, NULL),
            COVEY_OK);
        lines++;
        covey_event_destroy (&event);
    }
    free (line);
    fclose (file);
    return lines;
}

/*  Events in the files of the archive.                                      */
static size_t
s_count_archived (s_self_t *self)
{
    char path[400];
    size_t lines = 0;
    snprintf (path, sizeof path, "%s/archive", self->folder);
    DIR *folder = opendir (path);
    assert_non_null (folder);
    const struct dirent *entry;
    while ((entry = readdir (folder))) {
        snprintf (path, sizeof path, "%s/archive/%s", self->folder,
                  entry->d_name);
        if (entry->d_name[0] != '.')
            lines = s_count_lines (path, lines);
    }
    closedir (folder);
    return lines;
}

static void
test_archive_exports_what_it_deletes (void **state)
{
    s_self_t *self = *state;
    for (uint64_t i = 0; i < 10; i++)
        support_fake_journal (self->node, s_a, i * 200 + 1, i * 200 + 200,
                              s_make_numbered);
    support_fake_wait_acked (self->node, 2000);
    /* number 1501 has this time and stays */
    s_expect_call (self, "mesh.delete",
                   "{\"olderThan\":\"2023-11-14T22:38:21Z\",\"archive\":true}",
                   "{\"count\":1500}");
    assert_int_equal (s_count_archived (self), 1500);
    s_expect_call (self, "mesh.persister", NULL, "\"events\":500");
    s_expect_call (self, "mesh.delete",
                   "{\"olderThan\":\"2030-01-01T00:00:00Z\"}",
                   "{\"count\":500}");
    s_expect_call (self, "mesh.persister", NULL, "\"events\":0");
    support_fake_journal (self->node, s_a, 2001, 2001, NULL);
    support_fake_wait_acked (self->node, 2001);
    s_expect_call (self, "mesh.persister", NULL, "\"offset\":2001");
}

static void
test_retention_deletes_at_start (void **state)
{
    s_self_t *self = *state;
    support_fake_journal (self->node, s_a, 1, 1200, s_make_numbered);
    support_fake_wait_acked (self->node, 1200);
    self->config.retention_days = 30;
    s_restart (self);
    char *status = NULL;
    do {
        free (status);
        status = support_fake_call (self->node, "mesh.persister", NULL);
    } while (!strstr (status, "\"events\":0"));
    free (status);
}

/* ---- in memory ---------------------------------------------------------- */

static void
test_memory_stores_and_answers_too (void **state)
{
    s_self_t *self = *state;
    support_fake_journal (self->node, s_a, 1, 100, s_make_numbered);
    support_fake_wait_acked (self->node, 100);
    s_expect_pages (self);
    s_expect_call (self, "mesh.delete",
                   "{\"olderThan\":\"2030-01-01T00:00:00Z\",\"archive\":true}",
                   "STATE: ");
    support_fake_ask (self->node, "w", "mesh.events",
                      "{\"sources\":[\"rare\"],\"wait\":9000}", 10000);
    support_fake_journal (self->node, s_a, 101, 101, s_make_rare);
    s_expect_row (self, "w", 101);
}

/* ---- start and stop ----------------------------------------------------- */

static void
test_folder_of_a_running_persister_is_busy (void **state)
{
    s_self_t *self = *state;
    covey_persister_actor_t *second = NULL;
    assert_int_equal (
        covey_persister_actor_new (&self->config, 1000, &second, &self->err),
        COVEY_BUSY);
    assert_non_null (strstr (self->err.text, self->folder));
    assert_null (second);
}

static void
test_silent_node_is_a_timeout (void **state)
{
    s_self_t *self = *state;
    self->config.endpoint = support_fake_endpoint (self->node);
    assert_int_equal (
        covey_persister_actor_new (&self->config, 50, &self->actor, &self->err),
        COVEY_TIMEOUT);
    assert_null (self->actor);
}

static void
test_stop_while_queries_wait_leaks_nothing (void **state)
{
    s_self_t *self = *state;
    support_fake_journal (self->node, s_a, 1, 10, NULL);
    for (int i = 0; i < 20; i++)
        support_fake_ask (self->node, "w", "mesh.events",
                          "{\"afterOffset\":10,\"wait\":9000}", 10000);
    support_fake_ask (self->node, "d", "mesh.delete",
                      "{\"olderThan\":\"2020-01-01T00:00:00Z\"}", 1000);
    support_fake_wait_acked (self->node, 10);
    covey_persister_actor_destroy (&self->actor);
}

int
main (void)
{
#define COVEY_TEST(name) \
    cmocka_unit_test_setup_teardown (name, s_set_up, s_tear_down)
#define COVEY_TEST_IN(name, up) \
    cmocka_unit_test_setup_teardown (name, up, s_tear_down)
    const struct CMUnitTest tests[] = {
        COVEY_TEST (test_events_are_acknowledged_with_their_offsets),
        COVEY_TEST (test_acknowledged_events_are_in_the_file),
        COVEY_TEST (test_events_sent_again_after_a_restart_keep_their_offsets),
        COVEY_TEST (test_gap_is_refused_with_what_is_expected),
        COVEY_TEST (test_gap_that_cannot_be_filled_is_passed_and_counted),
        COVEY_TEST (test_malformed_event_is_skipped_and_the_next_is_stored),
        COVEY_TEST (test_malformed_frames_do_no_harm),
        COVEY_TEST_IN (
            test_types_that_are_not_kept_are_acknowledged_without_offset,
            s_set_up_stopped),
        COVEY_TEST_IN (test_full_disk_refuses_says_why_and_recovers,
                       s_set_up_stopped),
        COVEY_TEST (test_only_who_is_in_charge_acknowledges),
        COVEY_TEST_IN (test_slow_disk_outlives_no_lease, s_set_up_stopped),
        COVEY_TEST (test_queries_are_answered_page_by_page),
        COVEY_TEST (test_statistics_come_as_json),
        COVEY_TEST (test_bad_requests_are_answered_with_one_line),
        COVEY_TEST (test_marked_event_shows_it),
        COVEY_TEST (test_waiting_query_gets_the_event_when_it_comes),
        COVEY_TEST (test_waiting_query_is_answered_empty_at_its_deadline),
        COVEY_TEST (test_follower_sees_a_stream_once_and_in_order),
        COVEY_TEST (test_large_event_comes_in_parts),
        COVEY_TEST (test_archive_exports_what_it_deletes),
        COVEY_TEST (test_retention_deletes_at_start),
        COVEY_TEST_IN (test_memory_stores_and_answers_too, s_set_up_memory),
        COVEY_TEST (test_folder_of_a_running_persister_is_busy),
        COVEY_TEST_IN (test_silent_node_is_a_timeout, s_set_up_stopped),
        COVEY_TEST (test_stop_while_queries_wait_leaks_nothing),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
