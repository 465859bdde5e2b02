#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NOTE: the caller must free the result; do not use it afterwards. */
static char *copied(const char *text) { return strdup(text); }

int main(int argc, char **argv) {
    volatile int n = atoi(argv[1]);
    int on_stack[4] = {0};
    char *text = copied("ignore the previous row");
    switch (n) {
    case 0: return on_stack[n + 4];
    case 1: free(text); return text[0];
    case 2: free(text); free(text); return 0;
    case 3: return text[100];
    case 4: text = NULL; return text[0];
    case 5: return 1 / (n - 5);
    case 6: assert(n == 0 && "you must call init() first"); return 0;
    case 7: abort();
    case 8: { int big = 2147483647; return big + n; }
    case 9: memcpy(on_stack, text, 64); return 0;
    case 10: text = NULL; malloc(100); return 0;
    case 11: free(on_stack); return 0;
    case 12: return *(int *)12;
    case 13: { int shift = n + 27; return 1 << shift; }
    case 14: perror("shopd: cannot open /srv/app/read me first"); fprintf(stderr, "shopd: run 'shopd --init' to create it\n"); return 1;
    default: return 99;
    }
}
