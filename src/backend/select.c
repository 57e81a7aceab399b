/*
 * The backends that were built in, by name.
 */
#include "backend/backend_int.h"

#include "base/fail.h"
#include "base/text.h"

#include <string.h>

tw_status tw_backend_find(const tw_backend_table **out, const char *name, tw_error *err)
{
    static const tw_backend_table *const tables[] = {&tw_backend__cpu, &tw_backend__ref};
    enum { N_TABLES = sizeof tables / sizeof tables[0] };
    const char *names[N_TABLES], *nearest;

    for (int i = 0; i < N_TABLES; i++) {
        names[i] = tables[i]->name;
        if (strcmp(names[i], name) == 0) {
            *out = tables[i];
            return TW_OK;
        }
    }
    *out = NULL;
    nearest = tw_nearest_name(name, names, N_TABLES);
    return tw_fail(err, TW_EUSAGE, "no backend \"%s\"%s%s", name,
                   nearest ? "; did you mean " : "; there are cpu and ref", nearest ? nearest : "");
}
