/* What changed against an earlier run: a table of the classes, the pictures that changed sides. */
#include "cli/cli.h"

static void print_pictures(const tw_comparison *comparison, bool is_right)
{
    enum { MOST = 20 };
    int64_t n = is_right ? comparison->newly_right : comparison->newly_wrong, shown = 0;

    if (n == 0)
        return;
    printf("\nnewly %s:\n", is_right ? "right" : "wrong");
    for (int64_t i = 0; i < comparison->n_changes && shown < MOST; i++) {
        const tw_change *change = &comparison->changes[i];
        if ((change->is_right != 0) != is_right)
            continue;
        printf("  ");
        cli_print_clean(change->name);
        printf(": ");
        cli_print_clean(change->before);
        printf(" -> ");
        cli_print_clean(change->after);
        putchar('\n');
        shown++;
    }
    if (n > shown)
        printf("  and %lld more (--json lists all)\n", (long long)(n - shown));
}

static tw_status print_class_changes(const tw_comparison *comparison, tw_error *err)
{
    static const cli_column columns[] = {{"class", false, true, false},
                                         {"pictures", true, false, true},
                                         {"recall before", true, false, false},
                                         {"now", true, false, false},
                                         {"change", true, false, false}};
    cli_table *table = cli_table_create(columns, sizeof columns / sizeof columns[0]);
    tw_status rc;

    for (int i = 0; i < comparison->n_classes; i++) {
        const tw_class_change *class = &comparison->classes[i];
        double before = 100.0 * (double)class->right_before / (double)class->n;
        double now = 100.0 * (double)class->right / (double)class->n;
        cli_table_add(table, "%s", class->name);
        cli_table_add(table, "%lld", (long long)class->n);
        cli_table_add(table, "%.2f %%", before);
        cli_table_add(table, "%.2f %%", now);
        cli_table_add(table, "%+.2f", now - before);
    }
    rc = cli_table_print(table, err);
    cli_table_free(table);
    return rc;
}

tw_status cli_print_comparison(const tw_comparison *comparison, const char *with, tw_error *err)
{
    tw_status rc;
    char text[256];

    printf("\nagainst ");
    cli_print_clean(with);
    printf(", on %lld pictures in both", (long long)comparison->n);
    if (comparison->only_before > 0 || comparison->only_after > 0)
        printf(" (%lld only there, %lld only here)", (long long)comparison->only_before,
               (long long)comparison->only_after);
    snprintf(text, sizeof text,
             "%.2f %% -> %.2f %%, %lld newly right, %lld newly wrong, p %.3g (McNemar, exact)",
             100.0 * (double)comparison->right_before / (double)comparison->n,
             100.0 * (double)comparison->right / (double)comparison->n,
             (long long)comparison->newly_right, (long long)comparison->newly_wrong, comparison->p);
    printf(":\n");
    cli_print_lines(stdout, "accuracy ", 0, text);
    putchar('\n');
    if ((rc = print_class_changes(comparison, err)))
        return rc;
    print_pictures(comparison, true);
    print_pictures(comparison, false);
    return TW_OK;
}

void cli_print_comparison_json(const tw_comparison *comparison, const char *with)
{
    for (int i = 0; i < comparison->n_classes; i++) {
        const tw_class_change *class = &comparison->classes[i];
        printf("{\"compared\":");
        cli_print_json_string(class->name);
        printf(",\"n\":%lld,\"correct_before\":%lld,\"correct\":%lld}\n", (long long)class->n,
               (long long)class->right_before, (long long)class->right);
    }
    for (int64_t i = 0; i < comparison->n_changes; i++) {
        const tw_change *change = &comparison->changes[i];
        printf("{\"changed\":");
        cli_print_json_string(change->name);
        printf(",\"label\":");
        cli_print_json_string(change->label);
        printf(",\"before\":");
        cli_print_json_string(change->before);
        printf(",\"after\":");
        cli_print_json_string(change->after);
        printf(",\"right\":%s}\n", change->is_right ? "true" : "false");
    }
    printf("{\"against\":");
    cli_print_json_string(with);
    printf(",\"n\":%lld,\"only_before\":%lld,\"only_after\":%lld,\"correct_before\":%lld,"
           "\"correct\":%lld,\"newly_right\":%lld,\"newly_wrong\":%lld,\"p\":%.9g}\n",
           (long long)comparison->n, (long long)comparison->only_before,
           (long long)comparison->only_after, (long long)comparison->right_before,
           (long long)comparison->right, (long long)comparison->newly_right,
           (long long)comparison->newly_wrong, comparison->p);
}
