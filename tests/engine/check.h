// The little that the engine's test programs need of a test framework.
#pragma once

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
