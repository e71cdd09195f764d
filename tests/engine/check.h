// The little that the engine's test programs need of a test framework.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>

// Ends the program with a message where the condition does not hold; also
// usable on threads and in forked children, where no exception could be caught.
#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            std::_Exit(1);                                                               \
        }                                                                                \
    } while (false)

// As CHECK, for a statement that must throw exactly this type.
#define CHECK_THROWS(statement, Type) \
    do {                              \
        bool thrown = false;          \
        try {                         \
            statement;                \
        } catch (const Type&) {       \
            thrown = true;            \
        }                             \
        CHECK(thrown);                \
    } while (false)

// How many random cases to try: the usual number, or no more than KERNELET_TEST_CASES says. On an
// emulated processor a few show that kernels have no instruction that it lacks.
inline int cases(int usual) {
    const char* most = std::getenv("KERNELET_TEST_CASES");
    return most == nullptr ? usual : std::min(usual, std::max(1, std::atoi(most)));
}
