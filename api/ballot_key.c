#include "api/ballot_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "proto/control.pb-c.h"
#include "proto/event_class.h"
#include "proto/json.h"
#include "swarm/rule.h"

#define TEXT_SIZE 64 /* digits */
_Static_assert(TEXT_SIZE == 2 * COVEY_SEED_SIZE, "two digits for a byte");

/* ---- the file ---------------------------------------------------------------
 */

static covey_err_t
s_fail_io (const char *path, const char *what, covey_errbuf_t *err)
{
    return covey_fail (err, COVEY_IO, "the key file %s cannot be %s: %s", path,
                       what, strerror (errno));
}

static int
s_digit (char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr (digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool
s_parse (const char *text, size_t size, uint8_t seed[COVEY_SEED_SIZE])
{
    if (size != TEXT_SIZE + 1 || text[TEXT_SIZE] != '\n')
        return false;
    for (size_t i = 0; i < COVEY_SEED_SIZE; i++, text += 2) {
        int high = s_digit (text[0]), low = s_digit (text[1]);
        if (high < 0 || low < 0)
            return false;
        seed[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/*  Of an open file.                                                         */
static covey_err_t
s_read (int fd, const char *path, uint8_t seed[COVEY_SEED_SIZE],
        covey_errbuf_t *err)
{
    struct stat info;
    char text[TEXT_SIZE + 2];
    if (fstat (fd, &info) != 0)
        return s_fail_io (path, "read", err);
    if (info.st_mode & (S_IRWXG | S_IRWXO))
        return covey_fail (
            err, COVEY_DENIED,
            "the key file %s may be used by others: chmod 600 %s", path, path);
    ssize_t size = read (fd, text, sizeof text);
    if (size < 0)
        return s_fail_io (path, "read", err);
    if (!s_parse (text, (size_t)size, seed))
        return covey_fail (
            err, COVEY_CORRUPT,
            "the key file %s holds no key: %d hexadecimal digits "
            "and a line feed",
            path, TEXT_SIZE);
    return COVEY_OK;
}

/*  Whole or not at all: another process that makes it meanwhile is the first.
 */
static covey_err_t
s_make (const char *path, covey_errbuf_t *err)
{
    uint8_t seed[COVEY_SEED_SIZE];
    char text[TEXT_SIZE + 2], part[4096];
    if (getrandom (seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return s_fail_io (path, "made", err);
    char *at = text;
    for (size_t i = 0; i < sizeof seed; i++, at += 2)
        snprintf (at, 3, "%02x", seed[i]);
    *at = '\n';
    if (snprintf (part, sizeof part, "%s.%ld", path, (long)getpid ()) >=
        (int)sizeof part)
        return covey_fail (err, COVEY_LIMIT,
                           "the name of the key file is too "
                           "long");
    int fd = open (part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return s_fail_io (path, "made", err);
    bool good =
        write (fd, text, TEXT_SIZE + 1) == TEXT_SIZE + 1 && fsync (fd) == 0;
    good = close (fd) == 0 && good;
    good = good && (link (part, path) == 0 || errno == EEXIST);
    covey_err_t code = good ? COVEY_OK : s_fail_io (path, "made", err);
    (void)unlink (part);
    return code;
}

covey_err_t
covey_ballot_key_open (const char *path, covey_ballot_key_t *key,
                       covey_errbuf_t *err)
{
    uint8_t seed[COVEY_SEED_SIZE];
    covey_err_t code = COVEY_OK;
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        code = s_make (path, err);
        if (code)
            return code;
        fd = open (path, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0)
        return s_fail_io (path, "read", err);
    code = s_read (fd, path, seed, err);
    close (fd);
    if (!code)
        covey_ballot_key_make (seed, key);
    return code;
}

/* ---- signing ----------------------------------------------------------------
 */

static void
s_sign (const Covey__Control__VoteView *vote, const covey_ballot_key_t *key,
        covey_sealed_t *sealed, covey_seal_t *seal)
{
    sealed->hash = vote->proposal_hash ? vote->proposal_hash : "";
    sealed->version = vote->electorate_version;
    sealed->weight = 0; /* who is no member is told so */
    sealed->serial = 1;
    for (size_t i = 0; i < vote->n_electorate; i++)
        if (strcmp (vote->electorate[i]->agent_id, sealed->agent_id) == 0)
            (void)covey_weight_from (vote->electorate[i]->weight,
                                     &sealed->weight, NULL);
    for (size_t i = 0; i < vote->n_votes; i++)
        if (strcmp (vote->votes[i]->agent_id, sealed->agent_id) == 0)
            sealed->serial = vote->votes[i]->serial + 1;
    covey_seal_sign (sealed, key, seal);
    sealed->hash = NULL; /* it was the view's */
}

void
covey_i_question_seal (const covey_event_t *question,
                       const covey_ballot_key_t *key, covey_sealed_t *sealed,
                       covey_seal_t *seal)
{
    const Covey__V1__SwarmConsensusRequest *asked =
        (const Covey__V1__SwarmConsensusRequest *)covey_event_data (question);
    sealed->hash = asked->proposal_hash ? asked->proposal_hash : "";
    sealed->version = asked->electorate_version;
    sealed->weight = 0; /* who is no member is told so */
    sealed->serial = 1;
    for (size_t i = 0; i < asked->n_electorate; i++)
        if (strcmp (asked->electorate[i]->agent_id, sealed->agent_id) == 0)
            (void)covey_weight_from (asked->electorate[i]->weight,
                                     &sealed->weight, NULL);
    covey_seal_sign (sealed, key, seal);
    sealed->hash = NULL; /* it was the question's */
}

char *
covey_i_question_sign (const covey_event_t *question,
                       const covey_ballot_key_t *key, const char *agent_id,
                       const char *params)
{
    static const char *const votes[] = {"approve", "reject", "abstain"};
    covey_errbuf_t err;
    covey_seal_t seal;
    covey_buf_t json;
    ProtobufCMessage *message = NULL;
    if (covey_json_read (&covey__control__ballot__descriptor, params,
                         strlen (params), &message, &err))
        return NULL;
    Covey__Control__Ballot signed_ballot = *(Covey__Control__Ballot *)message;
    covey_sealed_t sealed = {
        .agent_id = agent_id,
        .vote = votes[signed_ballot.has_vote ? signed_ballot.vote : 0],
        .options = (const char *const *)signed_ballot.options,
        .option_count = signed_ballot.n_options,
        .reason = signed_ballot.reason};
    covey_i_question_seal (question, key, &sealed, &seal);
    signed_ballot.has_signature = signed_ballot.has_public_key = true;
    signed_ballot.signature =
        (ProtobufCBinaryData){sizeof seal.signature, seal.signature};
    signed_ballot.public_key =
        (ProtobufCBinaryData){sizeof seal.public_key, seal.public_key};
    covey_buf_init (&json, COVEY_PAYLOAD_MAX);
    (void)covey_json_write (&signed_ballot.base, &json);
    protobuf_c_message_free_unpacked (message, NULL);
    char *text = covey_buf_steal (&json);
    covey_buf_deinit (&json);
    return text;
}

covey_err_t
covey_i_vote_seal (covey_agent_t *agent, const covey_ballot_key_t *key,
                   const char *consensus_id, covey_sealed_t *sealed,
                   int timeout_ms, covey_seal_t *seal)
{
    char *json = NULL;
    ProtobufCMessage *message = NULL;
    covey_err_t code = covey_vote_show (agent, consensus_id, timeout_ms, &json);
    if (code)
        return code;
    code = covey_json_read (&covey__control__vote_view__descriptor, json,
                            strlen (json), &message, covey_errbuf ());
    covey_free (json);
    if (code)
        return code;
    s_sign ((const Covey__Control__VoteView *)message, key, sealed, seal);
    protobuf_c_message_free_unpacked (message, NULL);
    return COVEY_OK;
}
