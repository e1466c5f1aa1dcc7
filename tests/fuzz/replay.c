/*  Feeds every file of a corpus folder to a fuzz target, once.              */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static int
s_feed (const char *path)
{
    FILE *file = fopen (path, "rb");
    if (!file)
        return -1;
    static uint8_t buffer[1 << 20];
    size_t size = fread (buffer, 1, sizeof buffer, file);
    fclose (file);
    /* An exact heap copy, so that a sanitizer sees the first byte past it. */
    uint8_t *copy = malloc (size ? size : 1);
    if (!copy)
        return -1;
    memcpy (copy, buffer, size);
    LLVMFuzzerTestOneInput (copy, size);
    free (copy);
    return 0;
}

int
main (int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir (argv[1]) : NULL;
    if (!dir) {
        fprintf (stderr, "replay: cannot read the corpus folder %s\n",
                 argc == 2 ? argv[1] : "(none given)");
        return 2;
    }
    int passed = 0, failed = 0;
    for (struct dirent *entry; (entry = readdir (dir));) {
        if (entry->d_name[0] == '.')
            continue;
        char path[4096];
        snprintf (path, sizeof path, "%s/%s", argv[1], entry->d_name);
        if (s_feed (path) == 0)
            passed++;
        else
            failed++;
    }
    closedir (dir);
    printf ("%d passed, %d failed\n", passed, failed);
    return failed || !passed ? 1 : 0;
}
