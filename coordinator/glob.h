/*  glob - patterns of paths: is there a path that two of them match?

    Role      pure core; exact: two patterns overlap when one path is matched by
              both, and only then
    Paths     segments with "/" between them, compared as they are written;
              what begins with "/" never overlaps with what does not
    Patterns  *       any characters within a segment
              ?       one character
              [a-z_]  one of these; [!a-z] or [^a-z] one of the others
              \c      the character c itself
              **      as a whole segment: any number of segments, also none
              A leading dot is a character like others
    Method    both patterns are read as automata whose product is searched for
              a way to the end: once with segments as steps, and within each
              pair of segments with characters as steps
    Limits    COVEY_GLOB_MAX bytes, COVEY_GLOB_SEGMENTS_MAX segments of at most
              COVEY_GLOB_SEGMENT_MAX bytes
*/
#ifndef COVEY_GLOB_H_INCLUDED
#define COVEY_GLOB_H_INCLUDED

#include "base/err.h"

#define COVEY_GLOB_MAX 1024
#define COVEY_GLOB_SEGMENT_MAX 255
#define COVEY_GLOB_SEGMENTS_MAX 64

/*  The pattern as it is compared: without "./" and doubled slashes; a slash at
    the end stands for all that is in that folder. INVALID, LIMIT with one line:
   empty, ".." in it, a bracket that is not closed, ... `text` must be UTF-8. */
covey_err_t covey_glob_read (const char *text, char glob[COVEY_GLOB_MAX + 1],
                             covey_errbuf_t *err);

/*  The rest is for patterns that read gave.                                 */
bool covey_glob_overlap (const char *a, const char *b);
/*  Bytes of the leading segments that hold no special character: "src/a" of
    "src/a/x*.c", all of "src/a.c", none of "*.c". Patterns overlap only when
    one stem is the other, or the first segments of it.                       */
size_t covey_glob_stem (const char *glob);

#endif
