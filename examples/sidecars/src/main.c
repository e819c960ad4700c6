#include "words.h"

int main(void)
{
    struct table words = {0};
    char word[64];
    size_t i;

    while (next_word(stdin, word, sizeof word)) {
        if (!count_word(&words, word)) {
            fputs("words: out of memory\n", stderr);
            return 1;
        }
    }
    sort_table(&words);
    for (i = 0; i < words.length && i < 10; i++)
        printf("%6zu %s\n", words.entries[i].count, words.entries[i].word);
    return 0;
}
