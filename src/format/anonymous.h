/*
 * The layers of a file that calls them by their class (Keras 3 before it kept names): which there
 * are, and giving them their own names.
 */
#ifndef TW_FORMAT_ANONYMOUS_H
#define TW_FORMAT_ANONYMOUS_H

#include "format/weights.h"

/* One layer: "layers/functional/layers/conv2d_2" is the third of the class conv2d in its group. */
typedef struct tw_anonymous {
    const char *path; /* not terminated, borrowed from the file's tensors */
    size_t n_group;   /* its first letters that are the group ("layers/functional/layers/") */
    size_t n_class;   /* letters of the class that follow ("conv2d") */
    size_t n_path;    /* all letters */
    int64_t number;   /* 2; 0 where there is none */
    int first, n;     /* its tensors */
} tw_anonymous;

/* The layers of an anonymous file, sorted by group, class and number. Free with tw_free; good until
 * the file's tensors change. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_anonymous_list(tw_anonymous **out, int *n, const tw_weight_file *file,
                                          tw_error *err);
/* Whether the layer is of this class ("conv2d"), and in this group ("layers/"); whether two are of
 * one class and group. */
bool tw_anonymous_is(const tw_anonymous *layer, const char *class_name);
bool tw_anonymous_is_in(const tw_anonymous *layer, const char *group, size_t n_group);
bool tw_anonymous_same(const tw_anonymous *a, const tw_anonymous *b);
/* The first of the n sorted layers that does not come before that class in that group. */
int tw_anonymous_find(const tw_anonymous *layers, int n, const char *group, const char *class_name);
/* Calls the layer `name` from now on. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_anonymous_name(tw_weight_file *file, const tw_anonymous *layer,
                                          const char *name, tw_error *err);
/* Keras's name of a class as a path has it: "Conv2D" -> "conv2d", "MaxPooling2D" ->
 * "max_pooling2d", shortened to buf_size. Returns buf. */
char *tw_anonymous_class(char *buf, size_t buf_size, const char *class_name);

#endif
