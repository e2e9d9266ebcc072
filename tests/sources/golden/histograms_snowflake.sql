SELECT
  "t11"."w",
  "t11"."b_entity",
  "t11"."span",
  SUM("t11"."amount") AS "n"
FROM (
  SELECT
    "t10"."b_entity",
    "t10"."b_p0",
    "t10"."b_p1",
    "t10"."value",
    "t10"."amount",
    "t10"."sec",
    "t10"."relative",
    "t10"."w",
    CAST(CAST(FLOOR((
      (
        "t10"."relative" + 0
      ) % 86400
    ) / (
      300
    )) AS BIGINT) AS SMALLINT) AS "span"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        "t8"."b_entity",
        "t8"."b_p0",
        "t8"."b_p1",
        "t8"."value",
        "t8"."amount",
        "t8"."sec",
        "t8"."relative",
        CAST(CAST(FLOOR((
          "t8"."relative"
        ) / (
          86400
        )) AS BIGINT) AS INT) AS "w"
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t6"."b_entity",
            "t6"."b_p0",
            "t6"."b_p1",
            "t6"."value",
            "t6"."amount",
            "t6"."sec",
            (
              "t6"."sec" + 7200
            ) - 1714435200 AS "relative"
          FROM (
            SELECT
              "t5"."unusable",
              "t5"."negative",
              "t5"."b_entity",
              "t5"."b_p0",
              "t5"."b_p1",
              "t5"."value",
              "t5"."amount",
              "t5"."sec",
              "t5"."t" IS NULL AS "blank"
            FROM (
              SELECT
                "t4"."t",
                "t4"."unusable",
                "t4"."negative",
                "t4"."b_entity",
                "t4"."b_p0",
                "t4"."b_p1",
                "t4"."value",
                "t4"."amount",
                "t4"."t_seconds",
                "t4"."t_local",
                "t4"."t_local" AS "sec"
              FROM (
                SELECT
                  "t3"."t",
                  "t3"."unusable",
                  "t3"."negative",
                  "t3"."b_entity",
                  "t3"."b_p0",
                  "t3"."b_p1",
                  "t3"."value",
                  "t3"."amount",
                  "t3"."t_seconds",
                  CAST(IFF(
                    (
                      "t3"."t_seconds" >= -2208988800
                    ) AND (
                      "t3"."t_seconds" < 7258118400
                    ),
                    "t3"."t_seconds",
                    CAST(NULL AS DOUBLE)
                  ) AS BIGINT) AS "t_local"
                FROM (
                  SELECT
                    "t2"."t",
                    "t2"."unusable",
                    "t2"."negative",
                    "t2"."b_entity",
                    "t2"."b_p0",
                    "t2"."b_p1",
                    "t2"."value",
                    "t2"."amount",
                    CAST(DATE_PART('epoch', DATE_TRUNC('SECOND', "t2"."t")) AS DOUBLE) AS "t_seconds"
                  FROM (
                    SELECT
                      "t1"."ts" AS "t",
                      COALESCE(FALSE, FALSE) AS "unusable",
                      COALESCE(FALSE, FALSE) AS "negative",
                      "t1"."country" AS "b_entity",
                      COALESCE("t1"."event", '(missing)') AS "b_p0",
                      COALESCE(CAST("t1"."install" AS VARCHAR), '(missing)') AS "b_p1",
                      0.0 AS "value",
                      CAST(IFF(
                        (
                          "t1"."views" IS NOT NULL
                        )
                        AND NOT (
                          COALESCE(ABS(CAST("t1"."views" AS DOUBLE)) >= 1e+300, FALSE)
                        )
                        AND (
                          IFF(
                            (
                              "t1"."views" IS NOT NULL
                            )
                            AND NOT (
                              COALESCE(ABS(CAST("t1"."views" AS DOUBLE)) >= 1e+300, FALSE)
                            ),
                            CAST("t1"."views" AS DOUBLE),
                            0.0
                          ) >= 0
                        )
                        AND (
                          IFF(
                            (
                              "t1"."views" IS NOT NULL
                            )
                            AND NOT (
                              COALESCE(ABS(CAST("t1"."views" AS DOUBLE)) >= 1e+300, FALSE)
                            ),
                            CAST("t1"."views" AS DOUBLE),
                            0.0
                          ) < 1000000000000.0
                        )
                        AND (
                          IFF(
                            (
                              "t1"."views" IS NOT NULL
                            )
                            AND NOT (
                              COALESCE(ABS(CAST("t1"."views" AS DOUBLE)) >= 1e+300, FALSE)
                            ),
                            CAST("t1"."views" AS DOUBLE),
                            0.0
                          ) = CAST(FLOOR(
                            IFF(
                              (
                                "t1"."views" IS NOT NULL
                              )
                              AND NOT (
                                COALESCE(ABS(CAST("t1"."views" AS DOUBLE)) >= 1e+300, FALSE)
                              ),
                              CAST("t1"."views" AS DOUBLE),
                              0.0
                            )
                          ) AS BIGINT)
                        ),
                        IFF(
                          (
                            "t1"."views" IS NOT NULL
                          )
                          AND NOT (
                            COALESCE(ABS(CAST("t1"."views" AS DOUBLE)) >= 1e+300, FALSE)
                          ),
                          CAST("t1"."views" AS DOUBLE),
                          0.0
                        ),
                        CAST(NULL AS DOUBLE)
                      ) AS BIGINT) AS "amount"
                    FROM (
                      SELECT
                        *
                      FROM "events" AS "t0"
                      WHERE
                        "t0"."ts" >= TIMESTAMP_TZ_FROM_PARTS(2024, 4, 29, 22, 0, 0, 0, 'UTC')
                        AND "t0"."ts" < TIMESTAMP_TZ_FROM_PARTS(2024, 5, 3, 0, 0, 1, 0, 'UTC')
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
      "t9"."b_entity" IS NOT NULL AND "t9"."value" IS NOT NULL AND "t9"."amount" > 0
  ) AS "t10"
) AS "t11"
GROUP BY
  1,
  2,
  3
