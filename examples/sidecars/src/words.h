/* Counting words. */
#ifndef WORDS_H
#define WORDS_H

#include <stddef.h>
#include <stdio.h>

/* One word and how often it came. */
struct entry {
    char *word;
    size_t count;
};

/* All words so far. A zeroed table is empty. */
struct table {
    struct entry *entries;
    size_t length, room;
};

/* Reads the next word of letters into word; 0 at the end. */
int next_word(FILE *in, char *word, size_t room);

/* Counts a word; 0 when memory is short. */
int count_word(struct table *t, const char *word);

/* Puts the most frequent words first. */
void sort_table(struct table *t);

#endif
