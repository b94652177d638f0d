################################################################################
#
# umec
#
################################################################################

UMEC_SITE = $(call qstrip,$(BR2_PACKAGE_UMEC_BUNDLE))
UMEC_SITE_METHOD = local
UMEC_LICENSE = Apache-2.0, others (parts of the bundle, see LICENSES.txt)
UMEC_LICENSE_FILES = LICENSE LICENSES.txt

# The bundle lists the licences of its parts; uMEC's own lies in its tree.
define UMEC_COPY_LICENSE
	$(INSTALL) -m 0644 $(BR2_EXTERNAL_UMEC_PATH)/../../LICENSE $(@D)/LICENSE
endef
UMEC_POST_RSYNC_HOOKS += UMEC_COPY_LICENSE

# The same configuration as in the Debian-assembled image, which applies the
# fragment on top of allnoconfig. Buildroot would fill what is not in it with
# the kernel's defaults.
define UMEC_LINUX_CONFIG_FIXUPS
	$(LINUX_MAKE_ENV) $(MAKE) $(LINUX_MAKE_FLAGS) -C $(LINUX_DIR) \
		KCONFIG_ALLCONFIG=$(BR2_EXTERNAL_UMEC_PATH)/../kernel/umec.config \
		allnoconfig
	$(BR2_EXTERNAL_UMEC_PATH)/board/check-kernel.sh $(LINUX_DIR)/.config
endef

define UMEC_INSTALL_TARGET_CMDS
	rm -rf $(TARGET_DIR)/usr/lib/umec/bin $(TARGET_DIR)/usr/lib/umec/lib
	mkdir -p $(TARGET_DIR)/usr/lib/umec
	cp -R $(@D)/bin $(@D)/lib $(@D)/LICENSES.txt $(@D)/VERSION \
		$(@D)/sbom.cdx.json $(TARGET_DIR)/usr/lib/umec/
	chmod -R u=rwX,go=rX $(TARGET_DIR)/usr/lib/umec
endef

ifeq ($(BR2_PACKAGE_UMEC_NATS_SERVER),y)
define UMEC_LINK_NATS_SERVER
	ln -sfn ../../../bin/nats-server \
		$(TARGET_DIR)/usr/lib/umec/lib/nats-server
endef
UMEC_POST_INSTALL_TARGET_HOOKS += UMEC_LINK_NATS_SERVER
endif

$(eval $(generic-package))
