/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A descriptor of a program is asked for. */

SEC("lsm/bpf_prog")
int BPF_PROG(lsm_bpf_prog, struct bpf_prog *prog)
{
	return own_checked(BPF_CORE_READ(prog, aux, id) | 0x80000000U) ? DENY_ERROR : 0;
}
