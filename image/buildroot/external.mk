include $(sort $(wildcard $(BR2_EXTERNAL_UMEC_PATH)/package/*/*.mk))
