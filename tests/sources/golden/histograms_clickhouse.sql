SELECT
  "t11"."w" AS "w",
  "t11"."b_entity" AS "b_entity",
  "t11"."span" AS "span",
  SUM("t11"."amount") AS "n"
FROM (
  SELECT
    "t10"."b_entity" AS "b_entity",
    "t10"."b_p0" AS "b_p0",
    "t10"."b_p1" AS "b_p1",
    "t10"."value" AS "value",
    "t10"."amount" AS "amount",
    "t10"."sec" AS "sec",
    "t10"."relative" AS "relative",
    "t10"."w" AS "w",
    CAST(CAST(FLOOR((
      (
        "t10"."relative" + 0
      ) % 86400
    ) / (
      300
    )) AS Nullable(Int64)) AS Nullable(Int16)) AS "span"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        "t8"."b_entity" AS "b_entity",
        "t8"."b_p0" AS "b_p0",
        "t8"."b_p1" AS "b_p1",
        "t8"."value" AS "value",
        "t8"."amount" AS "amount",
        "t8"."sec" AS "sec",
        "t8"."relative" AS "relative",
        CAST(CAST(FLOOR((
          "t8"."relative"
        ) / (
          86400
        )) AS Nullable(Int64)) AS Nullable(Int32)) AS "w"
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t6"."b_entity" AS "b_entity",
            "t6"."b_p0" AS "b_p0",
            "t6"."b_p1" AS "b_p1",
            "t6"."value" AS "value",
            "t6"."amount" AS "amount",
            "t6"."sec" AS "sec",
            (
              "t6"."sec" + 7200
            ) - 1714435200 AS "relative"
          FROM (
            SELECT
              "t5"."unusable" AS "unusable",
              "t5"."negative" AS "negative",
              "t5"."b_entity" AS "b_entity",
              "t5"."b_p0" AS "b_p0",
              "t5"."b_p1" AS "b_p1",
              "t5"."value" AS "value",
              "t5"."amount" AS "amount",
              "t5"."sec" AS "sec",
              isNull("t5"."t") AS "blank"
            FROM (
              SELECT
                "t4"."t" AS "t",
                "t4"."unusable" AS "unusable",
                "t4"."negative" AS "negative",
                "t4"."b_entity" AS "b_entity",
                "t4"."b_p0" AS "b_p0",
                "t4"."b_p1" AS "b_p1",
                "t4"."value" AS "value",
                "t4"."amount" AS "amount",
                "t4"."t_seconds" AS "t_seconds",
                "t4"."t_local" AS "t_local",
                "t4"."t_local" AS "sec"
              FROM (
                SELECT
                  "t3"."t" AS "t",
                  "t3"."unusable" AS "unusable",
                  "t3"."negative" AS "negative",
                  "t3"."b_entity" AS "b_entity",
                  "t3"."b_p0" AS "b_p0",
                  "t3"."b_p1" AS "b_p1",
                  "t3"."value" AS "value",
                  "t3"."amount" AS "amount",
                  "t3"."t_seconds" AS "t_seconds",
                  CAST(CASE
                    WHEN (
                      "t3"."t_seconds" >= -2208988800
                    ) AND (
                      "t3"."t_seconds" < 7258118400
                    )
                    THEN "t3"."t_seconds"
                    ELSE CAST(NULL AS Nullable(Float64))
                  END AS Nullable(Int64)) AS "t_local"
                FROM (
                  SELECT
                    "t2"."t" AS "t",
                    "t2"."unusable" AS "unusable",
                    "t2"."negative" AS "negative",
                    "t2"."b_entity" AS "b_entity",
                    "t2"."b_p0" AS "b_p0",
                    "t2"."b_p1" AS "b_p1",
                    "t2"."value" AS "value",
                    "t2"."amount" AS "amount",
                    CAST(toRelativeSecondNum(dateTrunc('SECOND', toDateTime64("t2"."t", 0))) AS Nullable(Float64)) AS "t_seconds"
                  FROM (
                    SELECT
                      "t1"."ts" AS "t",
                      COALESCE(FALSE, FALSE) AS "unusable",
                      COALESCE(FALSE, FALSE) AS "negative",
                      "t1"."country" AS "b_entity",
                      COALESCE("t1"."event", '(missing)') AS "b_p0",
                      COALESCE(CAST("t1"."install" AS Nullable(String)), '(missing)') AS "b_p1",
                      0.0 AS "value",
                      CAST(CASE
                        WHEN isNotNull("t1"."views")
                        AND NOT (
                          COALESCE(ABS(CAST("t1"."views" AS Nullable(Float64))) >= 1e+300, FALSE)
                        )
                        AND (
                          CASE
                            WHEN isNotNull("t1"."views")
                            AND NOT (
                              COALESCE(ABS(CAST("t1"."views" AS Nullable(Float64))) >= 1e+300, FALSE)
                            )
                            THEN CAST("t1"."views" AS Nullable(Float64))
                            ELSE 0.0
                          END >= 0
                        )
                        AND (
                          CASE
                            WHEN isNotNull("t1"."views")
                            AND NOT (
                              COALESCE(ABS(CAST("t1"."views" AS Nullable(Float64))) >= 1e+300, FALSE)
                            )
                            THEN CAST("t1"."views" AS Nullable(Float64))
                            ELSE 0.0
                          END < 1000000000000.0
                        )
                        AND (
                          CASE
                            WHEN isNotNull("t1"."views")
                            AND NOT (
                              COALESCE(ABS(CAST("t1"."views" AS Nullable(Float64))) >= 1e+300, FALSE)
                            )
                            THEN CAST("t1"."views" AS Nullable(Float64))
                            ELSE 0.0
                          END = CAST(FLOOR(
                            CASE
                              WHEN isNotNull("t1"."views")
                              AND NOT (
                                COALESCE(ABS(CAST("t1"."views" AS Nullable(Float64))) >= 1e+300, FALSE)
                              )
                              THEN CAST("t1"."views" AS Nullable(Float64))
                              ELSE 0.0
                            END
                          ) AS Nullable(Int64))
                        )
                        THEN CASE
                          WHEN isNotNull("t1"."views")
                          AND NOT (
                            COALESCE(ABS(CAST("t1"."views" AS Nullable(Float64))) >= 1e+300, FALSE)
                          )
                          THEN CAST("t1"."views" AS Nullable(Float64))
                          ELSE 0.0
                        END
                        ELSE CAST(NULL AS Nullable(Float64))
                      END AS Nullable(Int64)) AS "amount"
                    FROM (
                      SELECT
                        *
                      FROM "events" AS "t0"
                      WHERE
                        "t0"."ts" >= parseDateTimeBestEffort('2024-04-29T22:00:00+00:00', 'UTC')
                        AND "t0"."ts" < parseDateTimeBestEffort('2024-05-03T00:00:01+00:00', 'UTC')
                    ) AS "t1"
                  ) AS "t2"
                ) AS "t3"
              ) AS "t4"
            ) AS "t5"
          ) AS "t6"
        ) AS "t7"
        WHERE
          "t7"."relative" BETWEEN 0 AND 345599 AND "t7"."sec" <= 1714694400
      ) AS "t8"
    ) AS "t9"
    WHERE
      isNotNull("t9"."b_entity") AND isNotNull("t9"."value") AND "t9"."amount" > 0
  ) AS "t10"
) AS "t11"
GROUP BY
  "t11"."w",
  "t11"."b_entity",
  "t11"."span"
