/* SPDX-License-Identifier: Apache-2.0 */
/* What the facts are worth: when they were seen, and whether everything was. */
#include <unhybrid/check.h>

/* One clause of SQL a line, which clang-format would join. */
/* clang-format off */
static const char observation_sql[] =
    "SELECT started_at, ended_at, interrupted,"
    "  json_object("
    "    'started_at', strftime('%Y-%m-%dT%H:%M:%SZ', started_at, 'unixepoch'),"
    "    'ended_at', CASE ended_at WHEN 0 THEN '' ELSE strftime('%Y-%m-%dT%H:%M:%SZ', ended_at, 'unixepoch') END)"
    " FROM observation";
/* clang-format on */

static int observation(struct uh_check_run *run, struct uh_err *err) {
  struct uh_query *query UH_CLEANUP(uh_query_freep) = NULL;
  int64_t started = 0, ended = 0, interrupted = 0;
  if (uh_query_open(run, observation_sql, &query, err) < 0) return -1;
  int rc = uh_query_next(query, err);
  if (rc < 0) return -1;
  struct uh_object o = {.side = "logs", .key = "observation", .kind = "observation", .object = "observation"};
  if (rc == 0) return uh_cannot_judge(run, &o, err, "the facts do not say when they were observed");
  if (!uh_query_int(query, 0, &started) || !uh_query_int(query, 1, &ended) || !uh_query_int(query, 2, &interrupted))
    return uh_cannot_judge(run, &o, err, "the facts do not say when they were observed");
  const char *evidence = uh_query_text(query, 3);
  int64_t age = uh_check_now(run) - (ended ? ended : started), limit = uh_check_fresh_for(run);
  if (ended == 0) return uh_violated(run, &o, evidence, NULL, err, "The observation was cut off before its end.");
  if (interrupted) return uh_violated(run, &o, evidence, NULL, err, "The observation was interrupted.");
  if (age > limit)
    return uh_violated(run, &o, evidence, NULL, err,
                       "The facts were observed %lld hours ago; they count for %lld hours.", (long long)(age / 3600),
                       (long long)(limit / 3600));
  /* A clock that was set back makes old facts look new. */
  if (age < -300) return uh_cannot_judge(run, &o, err, "the facts were observed in the future: a clock is wrong");
  return uh_satisfied(run, &o, err);
}

/* What was not read is a gap in what is known, not a fault of the organisation: such a set cannot be judged. Where
 * another source read the same set completely it gives way. An Exchange server that Active Directory shows to be gone
 * cannot answer, and nobody waits for that. */
static const char completeness_sql[] =
    "WITH part AS ("
    "  SELECT *, state NOT IN ('complete', 'not-configured') AS lacks FROM \"set\"),"
    " read AS ("
    "  SELECT source, side, name, side || ':' || name AS key,"
    "    max(lacks) AS lacking,"
    "    max(state <> 'not-configured') AS configured,"
    "    min(CASE WHEN lacks THEN state || iif(why = '', '', ', ' || why) END) AS why"
    "   FROM part"
    "   GROUP BY source, side, name),"
    " uninstalled(yes) AS MATERIALIZED ("
    "  SELECT EXISTS (SELECT 1 FROM read WHERE source = 'directory' AND side = 'on-premises' AND name = 'ExchangeServer'"
    "      AND configured AND NOT lacking)"
    "    AND NOT EXISTS (SELECT 1 FROM object WHERE side = 'on-premises' AND kind = 'ExchangeServer'))"
    " SELECT CASE lacking WHEN 0 THEN 0 END AS violated,"
    "  side,"
    "  key,"
    "  'set' AS kind,"
    "  key AS object,"
    "  '' AS message,"
    "  CASE WHEN lacking THEN json_object(source || ' (' || why || ')', NULL)"
    "    ELSE json_object(source, 'complete') END AS evidence"
    " FROM read"
    " WHERE configured AND NOT (source = 'exchange-server' AND (SELECT yes FROM uninstalled))"
    " UNION ALL"
    " SELECT NULL,"
    "  'logs',"
    "  'source:' || id,"
    "  'source',"
    "  id,"
    "  '',"
    "  json_object(id || ' (' || state || iif(detail = '', '', ', ' || detail) || ')', NULL)"
    " FROM source"
    " WHERE state IN ('partial', 'failed') AND NOT EXISTS (SELECT 1 FROM read WHERE read.source = id AND lacking)"
    "  AND NOT (id = 'exchange-server' AND (SELECT yes FROM uninstalled))"
    " UNION ALL"
    " SELECT NULL, 'logs', 'observation', 'observation', 'observation', '', json_object('any set', NULL)"
    " WHERE NOT EXISTS (SELECT 1 FROM read WHERE configured)";
static const struct uh_rule completeness[] = {{"logs", NULL, completeness_sql}, {0}};

#define GUIDE "https://learn.microsoft.com/exchange/hybrid-deployment/decommission-last-exchange-server"
static const struct uh_check checks[] = {
    {.id = "freshness.observation",
     .title = "The facts are fresh, and observed to the end",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-30",
     .run = observation,
     .remedy = "Run the audit again.",
     .reference = GUIDE,
     .explain = "The age of the observation against the time for which facts count (24 hours, unless told "
                "otherwise), and whether it ran to its end. A report on an old observation judges as of that time."},
    {.id = "freshness.completeness",
     .title = "Everything that was to be read was read",
     .severity = UH_BLOCKER,
     .purposes = UH_BEFORE | UH_AFTER,
     .requirements = "P-30",
     .never_fails = true,
     .rules = completeness,
     .remedy = "Look at the sources at the head of the report: give the rights that are missing, repeat what timed "
               "out, then run the audit again.",
     .reference = GUIDE,
     .explain =
         "Every set of every configured source has to be complete, or read completely by another source. A "
         "set that is not makes this check unknown: what was not seen is no fault of the organisation, and no "
         "proof that all is well. Sources that are not configured do not count here; the checks that need "
         "them are unknown themselves. Nor does Exchange Server, once Active Directory was read and shows none."},
    {0}};
UH_CHECK_MODULE(freshness, checks);
