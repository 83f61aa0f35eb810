// Shows the schema of the REST API with the library that the page has loaded; nothing comes from another host.
"use strict";

const swagger = document.getElementById("swagger");
if (swagger) {
  const token = () => (document.cookie.match(/(?:^|; )csrftoken=([^;]+)/) || [])[1];
  SwaggerUIBundle({
    url: swagger.dataset.schema,
    domNode: swagger,
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    validatorUrl: null,
    requestInterceptor: (request) => {
      if (token()) request.headers["X-CSRFToken"] = token();
      return request;
    },
  });
}

const redoc = document.getElementById("redoc");
if (redoc) {
  // Fonts of the system, and no search: its worker would be a script made in the page.
  const theme = { typography: { fontFamily: "system-ui, sans-serif", headings: { fontFamily: "system-ui, sans-serif" } } };
  Redoc.init(redoc.dataset.schema, { disableSearch: true, hideDownloadButton: false, theme }, redoc);
}
