#include "node/interface.h"

#include <string.h>

#include "base/buf.h"
#include "base/str.h"

typedef struct {
    covey_interface_t items[COVEY_INTERFACES_MAX];
    size_t count;
} interface_choice_t;

bool
covey_interface_is_any (const char *host)
{
    static const char *const texts[] = {"*", "0.0.0.0", "::", "[::]"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (strcmp (host, texts[i]) == 0)
            return true;
    return false;
}

static bool
s_has (const interface_choice_t *choice, const char *name)
{
    for (size_t i = 0; i < choice->count; i++)
        if (strcmp (choice->items[i].name, name) == 0)
            return true;
    return false;
}

/*  Once: further addresses of one interface are no further interface.       */
static void
s_take (interface_choice_t *choice, const covey_interface_t *one)
{
    if (!s_has (choice, one->name))
        choice->items[choice->count++] = *one;
}

/*  "eth0 10.0.0.1, lo 127.0.0.1", cut to fit.                               */
static const char *
s_names (const covey_interface_t *list, size_t count, char text[300])
{
    covey_buf_t buf;
    covey_buf_init (&buf, 299);
    for (size_t i = 0; i < count; i++)
        covey_buf_printf (&buf, "%s%s %s", i ? ", " : "", list[i].name,
                          list[i].address);
    memcpy (text, buf.size ? (const char *)buf.data : "none",
            buf.size ? buf.size : 4);
    text[buf.size ? buf.size : 4] = '\0';
    covey_buf_deinit (&buf);
    return text;
}

static bool
s_is_at (const covey_interface_t *one, const char *host)
{
    return strcmp (one->address, host) == 0 ||
           (one->is_loopback && strcmp (host, "localhost") == 0);
}

/*  Those named; the address to listen on must be one of theirs.             */
static covey_err_t
s_choose_named (const covey_interface_t *list, size_t count,
                const covey_interface_wish_t *wish, interface_choice_t *choice,
                covey_errbuf_t *err)
{
    char text[300];
    bool any = !wish->host || covey_interface_is_any (wish->host);
    bool found = any;
    for (size_t n = 0; n < wish->name_count; n++) {
        for (size_t i = 0; i < count; i++) {
            if (strcmp (list[i].name, wish->names[n]) != 0)
                continue;
            if (any || s_is_at (&list[i], wish->host)) {
                s_take (choice, &list[i]);
                found = true;
            }
        }
        if (any && !s_has (choice, wish->names[n]))
            return covey_fail (err, COVEY_INVALID,
                               "interface: \"%.31s\" is none of this host that "
                               "is up and has an IPv4 address; there are: %s",
                               wish->names[n], s_names (list, count, text));
    }
    if (!found)
        return covey_fail (err, COVEY_INVALID,
                           "listen: %.100s is no address of the interface "
                           "\"%.31s\"; there are: %s",
                           wish->host, wish->names[0],
                           s_names (list, count, text));
    return COVEY_OK;
}

static covey_err_t
s_choose_unnamed (const covey_interface_t *list, size_t count,
                  const covey_interface_wish_t *wish,
                  interface_choice_t *choice, covey_errbuf_t *err)
{
    bool any = wish->host && covey_interface_is_any (wish->host);
    for (size_t i = 0; wish->host && i < count; i++)
        if (any ? !list[i].is_loopback : s_is_at (&list[i], wish->host))
            s_take (choice, &list[i]);
    char text[300];
    if (any && choice->count > 1 && !wish->has_advertise)
        return covey_fail (err, COVEY_INVALID,
                           "listen: %.10s leaves open which address other "
                           "nodes are told; choose by --interface or "
                           "--advertise; there are: %s",
                           wish->host,
                           s_names (choice->items, choice->count, text));
    return COVEY_OK;
}

covey_err_t
covey_interface_choose (covey_interface_t *list, size_t *count_p,
                        const covey_interface_wish_t *wish, covey_errbuf_t *err)
{
    interface_choice_t choice = {.count = 0};
    covey_err_t code =
        wish->name_count
            ? s_choose_named (list, *count_p, wish, &choice, err)
            : s_choose_unnamed (list, *count_p, wish, &choice, err);
    if (code)
        return code;
    bool broadcasts = false;
    for (size_t i = 0; i < choice.count; i++)
        broadcasts |= choice.items[i].broadcast[0] != '\0';
    char text[300];
    if (wish->needs_broadcast && !broadcasts)
        return covey_fail (err, COVEY_INVALID,
                           "beacon: %.100s is on no interface that can "
                           "broadcast; choose by --interface, or use --join; "
                           "there are: %s",
                           wish->host ? wish->host : "the choice",
                           s_names (list, *count_p, text));
    memcpy (list, choice.items, choice.count * sizeof *list);
    *count_p = choice.count;
    return COVEY_OK;
}
