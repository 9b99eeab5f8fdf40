/*
 * A program of somebody else: prints the base64 of a word with the installed codec. It is the
 * example of the package and must stay this short; tests/install/check builds and runs it.
 */
#include <wire/base64.h>

#include <stdio.h>

int main(void)
{
    uint8_t text[16];
    size_t size = wire_base64_encode(wire_base64_best(), wire_span_text("hello"), text);
    return printf("%.*s\n", (int)size, (const char *)text) < 0;
}
