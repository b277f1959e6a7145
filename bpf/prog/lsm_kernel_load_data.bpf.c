/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The kernel takes a module or a kexec image from memory. */

SEC("lsm/kernel_load_data")
int BPF_PROG(lsm_kernel_load_data, int id, bool contents)
{
	if (id < READING_MODULE_ || id > READING_KEXEC_INITRAMFS_)
		return 0;
	return check_act(RP_GUARD_MODULE, RP_OP_MODULE, id) ? DENY_ERROR : 0;
}
