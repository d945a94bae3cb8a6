/* DCMI for ipmi_sim: Get DCMI Capabilities Info and Get Power Reading (DCMI 1.5 sections 6.1.1 and
 * 6.6.1). Loaded with `loadlib "dcmi.so" "FILE"`; FILE holds `current minimum maximum average active`
 * in watts and is read for each question. Without the file it answers 0xce.
 */
#include <stdio.h>
#include <string.h>

#include <OpenIPMI/serv.h>
#include <OpenIPMI/mcserv.h>

#define DCMI 0xdc
#define CAPABILITIES 0x01
#define POWER_READING 0x02

static char path[512];

static void put(unsigned char *at, unsigned long value, int bytes)
{
	while (bytes--) {
		*at++ = value & 0xff;
		value >>= 8;
	}
}

static void answer(lmc_data_t *mc, msg_t *msg, unsigned char *rdata,
		   unsigned int *rdata_len, void *cb_data)
{
	static const unsigned char capabilities[] = { 0, DCMI, 1, 5, 2, 0, 1, 7 };
	unsigned int current, minimum, maximum, average, active;
	FILE *file;
	int found;

	(void)mc;
	(void)cb_data;
	*rdata_len = 1;
	if (msg->cmd == CAPABILITIES) {
		memcpy(rdata, capabilities, sizeof(capabilities));
		*rdata_len = sizeof(capabilities);
		return;
	}
	if (msg->cmd != POWER_READING) {
		rdata[0] = 0xc1;
		return;
	}
	rdata[0] = 0xce;
	file = fopen(path, "r");
	if (!file)
		return;
	found = fscanf(file, "%u %u %u %u %u", &current, &minimum, &maximum, &average, &active);
	fclose(file);
	if (found != 5)
		return;
	rdata[0] = 0;
	rdata[1] = DCMI;
	put(rdata + 2, current, 2);
	put(rdata + 4, minimum, 2);
	put(rdata + 6, maximum, 2);
	put(rdata + 8, average, 2);
	put(rdata + 10, 1700000000, 4);
	put(rdata + 14, 1000, 4);
	rdata[18] = active ? 0x40 : 0;
	*rdata_len = 19;
}

int ipmi_sim_module_print_version(sys_data_t *sys, char *options)
{
	(void)sys;
	(void)options;
	return 0;
}

int ipmi_sim_module_init(sys_data_t *sys, const char *options)
{
	(void)sys;
	snprintf(path, sizeof(path), "%s", options);
	ipmi_emu_register_group_extension_handler(DCMI, answer, NULL);
	return 0;
}
