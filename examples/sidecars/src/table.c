#include <stdlib.h>
#include <string.h>

#include "words.h"

static int add(struct table *t, const char *word)
{
    struct entry *more;

    if (t->length == t->room) {
        size_t room = t->room ? 2 * t->room : 64;
        if (!(more = realloc(t->entries, room * sizeof *more)))
            return 0;
        t->entries = more;
        t->room = room;
    }
    if (!(t->entries[t->length].word = strdup(word)))
        return 0;
    t->entries[t->length++].count = 1;
    return 1;
}

int count_word(struct table *t, const char *word)
{
    size_t i;

    for (i = 0; i < t->length; i++) {
        if (strcmp(t->entries[i].word, word) == 0) {
            t->entries[i].count++;
            return 1;
        }
    }
    return add(t, word);
}

static int more_often(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return strcmp(x->word, y->word);
}

void sort_table(struct table *t)
{
    if (t->length > 0)
        qsort(t->entries, t->length, sizeof *t->entries, more_often);
}
