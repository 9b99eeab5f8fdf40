/*
 * Security descriptors of pipes, made for one call each. Any thread.
 *
 * A descriptor is always given: what a named pipe gets without one lets everybody read.
 */
#include "iocp/security_win.h"

#include "iocp/port.h"

#include <sddl.h>

DWORD iocp_security_owner_only(struct iocp_security *out)
{
    *out = (struct iocp_security){.attributes.nLength = sizeof(out->attributes)};
    /* Protected; everything for owner rights, S-1-3-4. */
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(L"D:P(A;;GA;;;S-1-3-4)",
                                                              SDDL_REVISION_1, &out->given, NULL))
        return GetLastError();
    out->attributes.lpSecurityDescriptor = out->given;
    return 0;
}

/* Reads the token's default list into memory of the port's. Returns 0 or the system's error. */
static DWORD read_token(const struct iocp_port *port, TOKEN_DEFAULT_DACL **out_list)
{
    HANDLE token = NULL;
    DWORD size = 0, error = 0;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return GetLastError();
    (void)GetTokenInformation(token, TokenDefaultDacl, NULL, 0, &size);
    *out_list = size > 0 ? iocp_backend_alloc(port, size) : NULL;
    if (*out_list == NULL)
        error = size > 0 ? ERROR_NOT_ENOUGH_MEMORY : GetLastError();
    else if (!GetTokenInformation(token, TokenDefaultDacl, *out_list, size, &size))
        error = GetLastError();
    (void)CloseHandle(token);
    return error;
}

DWORD iocp_security_of_token(const struct iocp_port *port, struct iocp_security *out)
{
    TOKEN_DEFAULT_DACL *list = NULL;
    DWORD error = read_token(port, &list);
    if (error == 0 && list->DefaultDacl == NULL) {
        iocp_backend_release(port, list);
        return iocp_security_owner_only(out);
    }
    *out = (struct iocp_security){.attributes.nLength = sizeof(out->attributes), .token = list};
    if (error == 0 && !(InitializeSecurityDescriptor(&out->own, SECURITY_DESCRIPTOR_REVISION) &&
                        SetSecurityDescriptorDacl(&out->own, TRUE, list->DefaultDacl, FALSE)))
        error = GetLastError();
    out->attributes.lpSecurityDescriptor = &out->own;
    if (error != 0)
        iocp_security_free(port, out);
    return error;
}

void iocp_security_free(const struct iocp_port *port, struct iocp_security *security)
{
    if (security->given != NULL)
        (void)LocalFree(security->given);
    if (security->token != NULL)
        iocp_backend_release(port, security->token);
}
