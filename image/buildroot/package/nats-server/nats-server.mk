################################################################################
#
# nats-server
#
################################################################################

# 2.14 is the oldest line that leaf links work with, and the one that asks for
# the oldest Go. With GOTOOLCHAIN=local Go says so if it is too old itself.
NATS_SERVER_VERSION = 2.14.5
NATS_SERVER_SITE = $(call github,nats-io,nats-server,v$(NATS_SERVER_VERSION))
NATS_SERVER_LICENSE = Apache-2.0
NATS_SERVER_LICENSE_FILES = LICENSE
NATS_SERVER_CPE_ID_VENDOR = linuxfoundation
NATS_SERVER_GOMOD = github.com/nats-io/nats-server/v2
NATS_SERVER_GO_ENV = CGO_ENABLED=0 GOTOOLCHAIN=local

# Buildroot's own archive has the Go modules in it, so its checksum is not one
# that nats-io or anybody else publishes. What is checked instead is upstream's
# archive, by nats-server.hash as usual: the sources that are built must be the
# same, file by file, and go.sum in them has the checksums by which Go checked
# each module.
BR_NO_CHECK_HASH_FOR += $(NATS_SERVER_SOURCE)
NATS_SERVER_UPSTREAM = v$(NATS_SERVER_VERSION).tar.gz
NATS_SERVER_EXTRA_DOWNLOADS = \
	https://github.com/nats-io/nats-server/archive/refs/tags/$(NATS_SERVER_UPSTREAM)

define NATS_SERVER_COMPARE_WITH_UPSTREAM
	rm -rf $(@D)/.upstream
	mkdir $(@D)/.upstream
	$(TAR) -xzf $(NATS_SERVER_DL_DIR)/$(NATS_SERVER_UPSTREAM) \
		--strip-components=1 -C $(@D)/.upstream
	diff -r -q -x .upstream -x '.stamp_*' -x '.files-list*' -x vendor \
		$(@D)/.upstream $(@D)
	rm -rf $(@D)/.upstream
endef
NATS_SERVER_POST_EXTRACT_HOOKS += NATS_SERVER_COMPARE_WITH_UPSTREAM

$(eval $(golang-package))
