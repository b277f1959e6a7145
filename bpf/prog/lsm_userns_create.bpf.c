/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A user namespace, in which everybody may be root; since kernel 6.1. */

SEC("lsm/userns_create")
int BPF_PROG(lsm_userns_create, const struct cred *cred)
{
	return check_act(RP_GUARD_USERNS, RP_OP_USERNS, 0) ? DENY_ERROR : 0;
}
