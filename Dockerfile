# hardcap on nothing: `just image` builds the static program and this image, and needs no registry.
#
#   docker run --rm --init -p 3000:3000 -p 4566:4566 -v "$PWD:/app" hardcap up
#
# The folder at /app holds template.yaml and programs that bring all they need, such as static ones.
FROM scratch
COPY hardcap /hardcap
# Where bodies and the folders of sandboxes are kept.
WORKDIR /tmp
WORKDIR /app
ENV HARDCAP_HOST=0.0.0.0
# The first API (further ones take the ports after it), and the AWS APIs with the control surface. Publish them under the
# same numbers: links and endpoints that functions are told name them.
# A container in the same network reaches both by this container's name, if that name is allowed: --allow-host hardcap, or the
# variable HARDCAP_ALLOW_HOST=hardcap, for http://hardcap:4566.
EXPOSE 3000 4566
HEALTHCHECK --interval=5s --timeout=6s --start-period=60s --retries=3 CMD ["/hardcap", "health"]
ENTRYPOINT ["/hardcap"]
CMD ["up"]
