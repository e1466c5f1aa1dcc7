#include "node/addressbook.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

void
covey_addressbook_init (covey_addressbook_t *self, const char *mesh,
                        const char *roles)
{
    memset (self, 0, sizeof *self);
    covey_str_copy (self->mesh, sizeof self->mesh, mesh);
    covey_str_copy (self->roles, sizeof self->roles, roles);
}

static bool
s_is_address (const char *text)
{
    const char *colon = strrchr (text, ':');
    int64_t port;
    if (!colon || colon == text ||
        !covey_str_to_int (colon + 1, 1, 65535, &port))
        return false;
    for (const char *at = text; *at; at++)
        if (*at <= ' ' || *at >= 127)
            return false;
    return true;
}

void
covey_addressbook_add (covey_addressbook_t *self, const char *address)
{
    if (self->count == COVEY_ADDRESSBOOK_MAX || !s_is_address (address) ||
        strlen (address) > COVEY_ADDRESSBOOK_ADDRESS_MAX)
        return;
    for (size_t i = 0; i < self->count; i++)
        if (strcmp (self->addresses[i], address) == 0)
            return;
    covey_str_copy (self->addresses[self->count++], sizeof self->addresses[0],
                    address);
}

void
covey_addressbook_write (const covey_addressbook_t *self, covey_buf_t *to)
{
    covey_buf_printf (to,
                      "# Nodes that this one met, tried when it starts. The "
                      "node writes this file.\nmesh %s\nroles %s\n",
                      self->mesh, self->roles);
    for (size_t i = 0; i < self->count; i++)
        covey_buf_printf (to, "%s\n", self->addresses[i]);
    covey_buf_puts (to, "end\n");
}

/*  The next line without its end into `line`; false: there is none.         */
static bool
s_next_line (const char **at, const char *end, char *line, size_t line_size)
{
    const char *stop = memchr (*at, '\n', (size_t)(end - *at));
    if (!stop)
        return false;
    size_t size = (size_t)(stop - *at);
    if (size >= line_size || memchr (*at, '\0', size) ||
        !covey_str_is_utf8 (*at, size))
        return false;
    memcpy (line, *at, size);
    line[size] = '\0';
    *at = stop + 1;
    return true;
}

covey_err_t
covey_addressbook_read (covey_addressbook_t *self, const char *text,
                        size_t size, covey_errbuf_t *err)
{
    char line[COVEY_ADDRESSBOOK_ADDRESS_MAX + 16];
    const char *at = text, *end = text + size;
    memset (self, 0, sizeof *self);
    bool has_mesh = false, has_roles = false;
    for (int number = 1; s_next_line (&at, end, line, sizeof line); number++) {
        bool good = true;
        if (line[0] == '#')
            continue;
        if (strcmp (line, "end") == 0 && has_mesh && has_roles && at == end)
            return COVEY_OK;
        if (!has_mesh)
            good = has_mesh =
                strncmp (line, "mesh ", 5) == 0 &&
                covey_str_copy (self->mesh, sizeof self->mesh, line + 5);
        else if (!has_roles)
            good = has_roles =
                strncmp (line, "roles ", 6) == 0 &&
                covey_str_copy (self->roles, sizeof self->roles, line + 6);
        else if ((good = s_is_address (line) &&
                         strlen (line) <= COVEY_ADDRESSBOOK_ADDRESS_MAX))
            covey_addressbook_add (self, line);
        if (!good)
            return covey_fail (err, COVEY_CORRUPT, "line %d is not as expected",
                               number);
    }
    return covey_fail (err, COVEY_CORRUPT, "it has no end");
}
