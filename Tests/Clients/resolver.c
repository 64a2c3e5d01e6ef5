// A resolver of the tests' own, preloaded into a real program: names in the file that RESOLVER_ANSWERS names are answered
// from there, one line of the name at each question and then from the first again; all others as ever. RESOLVER_TURN is how
// many lines to pass over at the first question. Each answer is appended to the file that RESOLVER_LOG names. A line is the
// name and one or more numeric addresses, with spaces between.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int lookup(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { char name[128]; unsigned asked; } names[256];

// Which question about the name this is, from 0.
static unsigned count(const char *name) {
    for (unsigned i = 0; i < 256; i++) {
        if (!names[i].name[0]) strncpy(names[i].name, name, sizeof names[i].name - 1);
        if (!strcmp(names[i].name, name)) return names[i].asked++;
    }
    abort();
}

// Copies the addresses that the next answer to the name has; false when the name is none of ours.
static int next_answer(const char *name, char *answer, size_t size) {
    FILE *file = fopen(getenv("RESOLVER_ANSWERS"), "r");
    char lines[16][256];
    unsigned found = 0;
    size_t length = strlen(name);
    if (!file) abort();
    while (found < 16 && fgets(lines[found], sizeof lines[found], file))
        if (!strncmp(lines[found], name, length) && lines[found][length] == ' ') found++;
    fclose(file);
    if (!found) return 0;
    snprintf(answer, size, "%s", lines[(count(name) + atoi(getenv("RESOLVER_TURN"))) % found] + length + 1);
    answer[strcspn(answer, "\n")] = 0;
    FILE *log = fopen(getenv("RESOLVER_LOG"), "a");
    if (!log) abort();
    fprintf(log, "%s %s\n", name, answer);
    fclose(log);
    return 1;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    lookup *original = (lookup *)dlsym(RTLD_NEXT, "getaddrinfo");
    char answer[256], *rest = NULL;
    pthread_mutex_lock(&lock);
    int ours = name && next_answer(name, answer, sizeof answer);
    pthread_mutex_unlock(&lock);
    if (!ours) return original(name, service, hints, result);
    struct addrinfo *first = NULL, **end = &first;
    for (char *address = strtok_r(answer, " ", &rest); address; address = strtok_r(NULL, " ", &rest)) {
        if (original(address, service, hints, end)) continue;
        while (*end) end = &(*end)->ai_next;
    }
    *result = first;
    return first ? 0 : EAI_NONAME;
}
