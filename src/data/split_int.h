/* What the files of the written split share: split_units.c says which pictures stay together,
 * split_write.c deals them. */
#ifndef TW_DATA_SPLIT_INT_H
#define TW_DATA_SPLIT_INT_H

#include "data/check_int.h"

/* Fills groups (n, NULL: none) with allocated names: by a pattern, or a manifest's own. */
TW_MUST_CHECK tw_status tw_data__find_groups(char **groups, const tw_check *check, const char *path,
                                             const char *pattern, tw_error *err);
/* Fills parent (n) with a forest of units. */
TW_MUST_CHECK tw_status tw_data__find_units(int64_t *parent, const tw_check *check,
                                            char *const *groups, tw_error *err);
/* The picture that stands for the unit of picture i: its first. */
int64_t tw_data__find_root(int64_t *parent, int64_t i);

#endif
