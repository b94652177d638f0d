# The boot script: which slot starts, and how often it may try. U-Boot finds it as /boot.scr on the first partition
# (mkimage makes boot.scr of it) and has set devtype and devnum to the disk it came from.
#
# It promises that a slot which does not come up is tried as often as it has tries left, that then the other one is, and
# that no state of the two environment files stops the node or makes it wait:
#
#   1. BOOT_ORDER, BOOT_A_LEFT and BOOT_B_LEFT come from slots.env; if that is missing, not 0x4000 bytes long or its
#      checksum is wrong, from slots.bak; if that is no better, they are "A B", 3 and 3. Numbers are hexadecimal, as
#      setexpr and RAUC take them. BOOT_A_GOOD and BOOT_B_GOOD say what was marked good in a slot; they are Linux's, and
#      are carried along. A new slot has three tries, one that was marked good 0x40 (docs/decisions/0010).
#   2. The first slot of BOOT_ORDER that has tries left loses one. slots.env is written, and only when that is done
#      slots.bak: whenever the power goes, one of the two is whole. Linux (RAUC, fw_setenv) writes slots.env alone.
#   3. Kernel, initramfs and device tree come from the slot's own partition, and slot.env in it has the checksums of
#      the first two and the rest of the command line, with the root hash. board.env on the first partition has what
#      depends on the board: addresses, console, and the device tree's file name where U-Boot does not know it.
#   4. Whatever fails ends in a reset, so that step 2 leads to the other slot; a slot whose files are damaged has two
#      tries left at most. With no tries left on either side both get three again: a node never gives up.
#
# A card that can't be written to starts all the same, without counting.

echo "umec: boot script"
test -n "${loadaddr}" || setenv loadaddr ${scriptaddr}
setenv umec_disk "${devtype} ${devnum}"

# -- what the board is
if load ${umec_disk}:1 ${loadaddr} board.env; then
  env import -t ${loadaddr} ${filesize}
fi

# -- 1: the state. One byte more than a whole file is asked for, so a longer one shows and can't fill the memory.
setenv umec_state
setenv umec_a_good
setenv umec_b_good
for file in slots.env slots.bak; do
  setenv BOOT_ORDER
  setenv BOOT_A_LEFT
  setenv BOOT_B_LEFT
  setenv BOOT_A_GOOD
  setenv BOOT_B_GOOD
  if test -z "${umec_state}"; then
    setenv filesize 0
    load ${umec_disk}:1 ${loadaddr} ${file} 4001
    if test "${filesize}" = 4000; then
      if env import -c ${loadaddr} 4000 BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT BOOT_A_GOOD BOOT_B_GOOD; then
        setenv umec_state ${file}
        setenv umec_order "${BOOT_ORDER}"
        setenv umec_a ${BOOT_A_LEFT}
        setenv umec_b ${BOOT_B_LEFT}
        setenv umec_a_good ${BOOT_A_GOOD}
        setenv umec_b_good ${BOOT_B_GOOD}
      fi
    fi
  fi
done
setenv BOOT_ORDER "${umec_order}"
setenv BOOT_A_LEFT ${umec_a}
setenv BOOT_B_LEFT ${umec_b}
setenv BOOT_A_GOOD ${umec_a_good}
setenv BOOT_B_GOOD ${umec_b_good}
test -n "${umec_state}" || setenv umec_state defaults
test -n "${BOOT_ORDER}" || setenv BOOT_ORDER "A B"
test -n "${BOOT_A_LEFT}" || setenv BOOT_A_LEFT 3
test -n "${BOOT_B_LEFT}" || setenv BOOT_B_LEFT 3
# What is no number counts as none, and is written as such.
test "0x${BOOT_A_LEFT}" -gt 0 || setenv BOOT_A_LEFT 0
test "0x${BOOT_B_LEFT}" -gt 0 || setenv BOOT_B_LEFT 0
echo "umec: state from ${umec_state}: order ${BOOT_ORDER}, left A ${BOOT_A_LEFT} B ${BOOT_B_LEFT}"

# -- 2: the slot
setenv umec_slot
for name in ${BOOT_ORDER}; do
  if test -z "${umec_slot}" -a "${name}" = A -a "0x${BOOT_A_LEFT}" -gt 0; then
    setexpr BOOT_A_LEFT ${BOOT_A_LEFT} - 1
    setenv umec_slot A
  fi
  if test -z "${umec_slot}" -a "${name}" = B -a "0x${BOOT_B_LEFT}" -gt 0; then
    setexpr BOOT_B_LEFT ${BOOT_B_LEFT} - 1
    setenv umec_slot B
  fi
done
if test -z "${umec_slot}"; then
  echo "umec: no slot has tries left, both get 3"
  setenv BOOT_A_LEFT 3
  setenv BOOT_B_LEFT 3
  # A slot that RAUC marked bad is not in the order any more, but better than none.
  setenv umec_a
  setenv umec_b
  for name in ${BOOT_ORDER}; do
    test "${name}" != A || setenv umec_a A
    test "${name}" != B || setenv umec_b B
  done
  test -n "${umec_a}" || setenv BOOT_ORDER "${BOOT_ORDER} A"
  test -n "${umec_b}" || setenv BOOT_ORDER "${BOOT_ORDER} B"
fi
setenv umec_write 'setenv umec_written
if env export -c -s 4000 ${loadaddr} BOOT_ORDER BOOT_A_LEFT BOOT_B_LEFT BOOT_A_GOOD BOOT_B_GOOD; then
  if fatwrite ${umec_disk}:1 ${loadaddr} slots.env 4000; then
    if fatwrite ${umec_disk}:1 ${loadaddr} slots.bak 4000; then
      setenv umec_written yes
    fi
  fi
fi'
run umec_write
if test -z "${umec_slot}"; then
  test -z "${umec_written}" || reset
  setenv umec_slot A
fi
test -n "${umec_written}" || echo "umec: the boot partition is not writable, this try is not counted"
echo "umec: slot ${umec_slot}, left A ${BOOT_A_LEFT} B ${BOOT_B_LEFT}"

# -- 3: the slot's files. umec_ok is not `yes` where one is missing or damaged.
if test "${umec_slot}" = B; then setenv umec_part 3; else setenv umec_part 2; fi
setenv umec_ok
setenv args_a
setenv args_b
setenv crc_image
setenv crc_initrd
if load ${umec_disk}:${umec_part} ${loadaddr} slot.env; then
  env import -t ${loadaddr} ${filesize} args_a args_b crc_image crc_initrd
fi
if test "${umec_slot}" = B; then setenv umec_args "${args_b}"; else setenv umec_args "${args_a}"; fi
# crc32 leaves its sum in memory, in an order of bytes that differs between builds of U-Boot; slot.env has both.
if load ${umec_disk}:${umec_part} ${kernel_addr_r} Image; then
  crc32 ${kernel_addr_r} ${filesize} ${loadaddr}
  setexpr.l umec_sum *${loadaddr}
  for sum in ${crc_image}; do
    test "${umec_sum}" != "${sum}" || setenv umec_ok kernel
  done
fi
if test "${umec_ok}" = kernel; then
  setenv umec_ok
  if load ${umec_disk}:${umec_part} ${ramdisk_addr_r} initrd; then
    setenv ramdisk_size ${filesize}
    crc32 ${ramdisk_addr_r} ${ramdisk_size} ${loadaddr}
    setexpr.l umec_sum *${loadaddr}
    for sum in ${crc_initrd}; do
      test "${umec_sum}" != "${sum}" || setenv umec_ok yes
    done
  fi
fi

# The device tree: the slot's for the board's file name, in front of which U-Boot may have put the vendor's folder. The
# loader's own where there is no name (QEMU's virt), or no such file (a model that our kernel has under another name).
setenv umec_fdt ${fdtcontroladdr}
if test -n "${fdtfile}"; then
  setexpr umec_file gsub ".*/" "" "${fdtfile}"
  if load ${umec_disk}:${umec_part} ${fdt_addr_r} dtbs/${umec_file}; then setenv umec_fdt ${fdt_addr_r}; fi
fi

# -- the kernel's last words: where board.env says, which no boot stage uses. Left to itself Linux puts them at the end of
# the memory, where U-Boot lies at the next start. Reserved in the device tree, of which there is a copy with room for that;
# without the reservation the kernel is told of no such place.
setenv umec_words
setenv umec_room
if test -n "${ramoops_addr}" -a -n "${fdt_addr_r}"; then
  if test "${umec_fdt}" = "${fdt_addr_r}"; then
    if fdt addr ${umec_fdt}; then
      if fdt resize 1000; then setenv umec_room yes; fi
    fi
  else
    if fdt move ${umec_fdt} ${fdt_addr_r} 180000; then
      setenv umec_fdt ${fdt_addr_r}
      setenv umec_room yes
    fi
  fi
fi
if test -n "${umec_room}"; then
  if fdt rsvmem add ${ramoops_addr} 100000; then
    setenv umec_words "ramoops.mem_address=${ramoops_addr} ramoops.mem_size=0x100000"
  fi
fi

# -- 4: away
if test "${umec_ok}" = yes -a -n "${umec_args}"; then
  setenv bootargs "${board_args} ${umec_words} ${umec_args}"
  echo "umec: starting"
  booti ${kernel_addr_r} ${ramdisk_addr_r}:${ramdisk_size} ${umec_fdt}
fi
echo "umec: slot ${umec_slot} does not start"
# The many tries of a good slot are for power cycles, and this is none.
setenv umec_few
if test "${umec_slot}" = A -a "0x${BOOT_A_LEFT}" -gt 2; then
  setenv BOOT_A_LEFT 2
  setenv umec_few yes
fi
if test "${umec_slot}" = B -a "0x${BOOT_B_LEFT}" -gt 2; then
  setenv BOOT_B_LEFT 2
  setenv umec_few yes
fi
test -z "${umec_few}" || run umec_write
reset
