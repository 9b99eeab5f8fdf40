/*
 * A child that ends as it is told: iocp_exit code NUMBER. It first reads its input to the end, so a
 * parent that holds the input open has it wait.
 */
#include <stdlib.h>
#include <windows.h>

int main(int argc, char **argv)
{
    char bytes[256];
    DWORD got = 0;
    if (argc != 3)
        return 125;
    while (ReadFile(GetStdHandle(STD_INPUT_HANDLE), bytes, sizeof bytes, &got, NULL) && got > 0)
        continue;
    return atoi(argv[2]);
}
