/* Writes so many bytes of a known pattern: "flood BYTES [PIECE [DESCRIPTOR]]". Byte i is i % 251.
 */
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static unsigned char data[1024 * 1024 + 251];
    unsigned long long left = argc > 1 ? strtoull(argv[1], NULL, 10) : 0, sent = 0;
    size_t piece = argc > 2 ? strtoul(argv[2], NULL, 10) : 65536;
    int fd = argc > 3 ? atoi(argv[3]) : 1;
    if (piece == 0 || piece > 1024 * 1024)
        return 2;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i % 251);
    while (left > 0) {
        size_t size = left < piece ? (size_t)left : piece;
        ssize_t put = write(fd, data + sent % 251, size);
        if (put <= 0)
            return 1;
        sent += (unsigned long long)put;
        left -= (unsigned long long)put;
    }
    return 0;
}
