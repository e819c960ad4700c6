#include <ctype.h>

#include "words.h"

int next_word(FILE *in, char *word, size_t room)
{
    size_t n = 0;
    int c;

    while ((c = getc(in)) != EOF) {
        if (isalpha(c)) {
            if (n + 1 < room)
                word[n++] = (char)tolower(c);
        } else if (n > 0) {
            break;
        }
    }
    word[n] = '\0';
    return n > 0;
}
