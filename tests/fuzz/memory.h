/* Counts what the whole process allocates, whichever library asks. */
#ifndef TW_TESTS_FUZZ_MEMORY_H
#define TW_TESTS_FUZZ_MEMORY_H

#include <stddef.h>

/* From here on the peak is counted anew, from what is held now. */
void fuzz_memory_begin(void);
/* The most bytes held since then, above what was held then. What was asked for and refused counts
 * as if it had been given. */
size_t fuzz_memory_peak(void);

#endif
