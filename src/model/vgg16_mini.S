/*
 * vgg16-mini's weights inside the program: vgg16_mini.safetensors, byte for byte. They are made by
 * tools/vgg16_mini/train.sh; docs/vgg16-mini.md says from what and what they are worth.
 */
    .section .rodata
    .balign 64
    .global tw_model__vgg16_mini_begin, tw_model__vgg16_mini_end
    .hidden tw_model__vgg16_mini_begin, tw_model__vgg16_mini_end
tw_model__vgg16_mini_begin:
    .incbin TW_VGG16_MINI
tw_model__vgg16_mini_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
