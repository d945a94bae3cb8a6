/* A module of ipmi_sim that answers DCMI Get Power Reading (DCMI 1.5, section 6.6.1), which the
 * simulator itself does not know. The reading is the first number of the file named as its option;
 * without that file the command is refused (0xce), as by a BMC whose sensor is not ready. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <OpenIPMI/ipmi_err.h>
#include <OpenIPMI/serv.h>
#include <OpenIPMI/mcserv.h>

enum { DCMI = 0xdc, GET_POWER_READING = 0x02, NOT_READY = 0xce, INVALID_COMMAND = 0xc1 };
enum { PERIOD_MS = 1000, MEASURES = 0x40 };

static char *reading_file;

static void put16(unsigned char *to, unsigned value)
{
	to[0] = value & 0xff;
	to[1] = value >> 8;
}

static void answer(lmc_data_t *mc, msg_t *msg, unsigned char *out, unsigned int *length, void *unused)
{
	unsigned watts;
	FILE *file;
	int read;

	(void)mc;
	(void)unused;
	*length = 1;
	if (msg->cmd != GET_POWER_READING) {
		out[0] = INVALID_COMMAND;
		return;
	}
	file = fopen(reading_file, "r");
	read = file ? fscanf(file, "%u", &watts) : 0;
	if (file)
		fclose(file);
	if (read != 1) {
		out[0] = NOT_READY;
		return;
	}
	memset(out, 0, 19);
	out[1] = DCMI;
	put16(out + 2, watts); /* now, least, most, mean */
	put16(out + 4, watts / 2);
	put16(out + 6, watts * 2);
	put16(out + 8, watts);
	put16(out + 14, PERIOD_MS);
	out[18] = MEASURES;
	*length = 19;
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
	reading_file = strdup(options);
	ipmi_emu_register_group_extension_handler(DCMI, answer, NULL);
	return 0;
}
