/* Lets nginx take X.509 proxy certificates (RFC 3820), as grid users have them: OpenSSL verifies their chains, but only for
 * programs that ask for it, and nginx has no directive for that. To be preloaded into nginx:
 *
 *     cc -O2 -shared -fPIC -o allow_proxy_certificates.so allow_proxy_certificates.c -ldl
 *     Environment=LD_PRELOAD=/usr/local/lib/allow_proxy_certificates.so    (in nginx's systemd unit)
 *
 * Every other check of the chain stays as it is. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

SSL_CTX *SSL_CTX_new(const SSL_METHOD *method)
{
    SSL_CTX *(*original)(const SSL_METHOD *) = (SSL_CTX *(*)(const SSL_METHOD *))dlsym(RTLD_NEXT, "SSL_CTX_new");
    SSL_CTX *context = original(method);

    if (context != NULL)
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_ALLOW_PROXY_CERTS);
    return context;
}
