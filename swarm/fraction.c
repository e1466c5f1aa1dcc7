#include "swarm/fraction.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* ---- comparing --------------------------------------------------------------
 */

/*  a * b, which may need 96 bits.                                           */
typedef struct {
    uint64_t high, low; /* low has 32 bits                                    */
} s_product_t;

static s_product_t
s_product (uint64_t a, uint32_t b)
{
    uint64_t low = (a & UINT32_MAX) * b;
    return (s_product_t){(a >> 32) * b + (low >> 32), low & UINT32_MAX};
}

static int
s_order (uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

int
covey_fraction_compare (uint64_t part, uint64_t whole,
                        covey_fraction_t fraction)
{
    s_product_t a = s_product (part, fraction.den);
    s_product_t b = s_product (whole, fraction.num);
    int order = s_order (a.high, b.high);
    return order ? order : s_order (a.low, b.low);
}

/* ---- reading ----------------------------------------------------------------
 */

bool
covey_fraction_is_share (covey_fraction_t fraction)
{
    return fraction.num > 0 && fraction.num <= fraction.den &&
           fraction.den <= COVEY_FRACTION_MAX;
}

bool
covey_threshold_is_good (covey_threshold_t threshold)
{
    return covey_fraction_is_share (threshold.share) &&
           !(threshold.above && threshold.share.num == threshold.share.den);
}

/*  A number of [begin, end).                                                */
static bool
s_number (const char *begin, const char *end, uint32_t *value_p)
{
    char digits[8];
    int64_t value;
    size_t size = (size_t)(end - begin);
    if (size >= sizeof digits)
        return false;
    memcpy (digits, begin, size);
    digits[size] = '\0';
    if (!covey_str_to_int (digits, 0, COVEY_FRACTION_MAX, &value))
        return false;
    *value_p = (uint32_t)value;
    return true;
}

static bool
s_parse (const char *text, covey_fraction_t *fraction)
{
    const char *end = text + strlen (text), *slash = strchr (text, '/');
    if (slash)
        return s_number (text, slash, &fraction->num) &&
               s_number (slash + 1, end, &fraction->den);
    fraction->den = 100;
    return end > text && end[-1] == '%' &&
           s_number (text, end - 1, &fraction->num);
}

covey_err_t
covey_fraction_parse (const char *what, const char *text,
                      covey_fraction_t *fraction_p, covey_errbuf_t *err)
{
    covey_fraction_t fraction = {0, 0};
    if (!s_parse (text, &fraction) || !covey_fraction_is_share (fraction))
        return covey_fail (err, COVEY_INVALID,
                           "%s \"%.40s\" is not a share: it is written 2/3 or "
                           "60%%, is above 0 and at most 1",
                           what, text);
    *fraction_p = fraction;
    return COVEY_OK;
}

covey_err_t
covey_threshold_parse (const char *what, const char *text,
                       covey_threshold_t *threshold_p, covey_errbuf_t *err)
{
    covey_threshold_t threshold = {.above = *text == '>'};
    covey_err_t code = covey_fraction_parse (what, text + threshold.above,
                                             &threshold.share, err);
    if (code)
        return code;
    if (!covey_threshold_is_good (threshold))
        return covey_fail (err, COVEY_INVALID,
                           "%s \"%.40s\" can never be reached: nothing is more "
                           "than all",
                           what, text);
    *threshold_p = threshold;
    return COVEY_OK;
}

/* ---- writing ----------------------------------------------------------------
 */

void
covey_fraction_text (covey_fraction_t fraction, char text[COVEY_FRACTION_TEXT])
{
    snprintf (text, COVEY_FRACTION_TEXT, "%u/%u", fraction.num, fraction.den);
}

void
covey_threshold_text (covey_threshold_t threshold,
                      char text[COVEY_FRACTION_TEXT])
{
    snprintf (text, COVEY_FRACTION_TEXT, "%s%u/%u", threshold.above ? ">" : "",
              threshold.share.num, threshold.share.den);
}

void
covey_threshold_words (covey_threshold_t threshold, bool reached,
                       char text[COVEY_FRACTION_WORDS])
{
    char share[COVEY_FRACTION_TEXT];
    covey_fraction_text (threshold.share, share);
    if (threshold.share.num * 2 == threshold.share.den)
        snprintf (share, sizeof share, "half");
    const char *relation = threshold.above
                               ? reached ? "more than " : "not more than "
                           : reached ? "at least "
                                     : "less than ";
    if (threshold.share.num == threshold.share.den)
        snprintf (text, COVEY_FRACTION_WORDS, reached ? "all" : "not all");
    else
        snprintf (text, COVEY_FRACTION_WORDS, "%s%s", relation, share);
}
