WITH "t10" AS (
  SELECT
    *
  FROM (
    SELECT
      "t8"."b_entity",
      "t8"."a0",
      "t8"."a1",
      "t8"."s0",
      "t8"."s1",
      "t8"."s2",
      "t8"."n2",
      "t8"."u3",
      "t8"."s4",
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
          "t6"."a0",
          "t6"."a1",
          "t6"."s0",
          "t6"."s1",
          "t6"."s2",
          "t6"."n2",
          "t6"."u3",
          "t6"."s4",
          "t6"."sec",
          (
            "t6"."sec" + 7200
          ) - 1714435200 AS "relative"
        FROM (
          SELECT
            "t5"."unusable",
            "t5"."negative",
            "t5"."b_entity",
            "t5"."a0",
            "t5"."a1",
            "t5"."s0",
            "t5"."s1",
            "t5"."s2",
            "t5"."n2",
            "t5"."u3",
            "t5"."s4",
            "t5"."sec",
            "t5"."t" IS NULL AS "blank"
          FROM (
            SELECT
              "t4"."t",
              "t4"."unusable",
              "t4"."negative",
              "t4"."b_entity",
              "t4"."a0",
              "t4"."a1",
              "t4"."s0",
              "t4"."s1",
              "t4"."s2",
              "t4"."n2",
              "t4"."u3",
              "t4"."s4",
              "t4"."t_seconds",
              "t4"."t_local",
              "t4"."t_local" AS "sec"
            FROM (
              SELECT
                "t3"."t",
                "t3"."unusable",
                "t3"."negative",
                "t3"."b_entity",
                "t3"."a0",
                "t3"."a1",
                "t3"."s0",
                "t3"."s1",
                "t3"."s2",
                "t3"."n2",
                "t3"."u3",
                "t3"."s4",
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
                  "t2"."a0",
                  "t2"."a1",
                  "t2"."s0",
                  "t2"."s1",
                  "t2"."s2",
                  "t2"."n2",
                  "t2"."u3",
                  "t2"."s4",
                  CAST(DATE_PART('epoch', DATE_TRUNC('SECOND', "t2"."t")) AS DOUBLE) AS "t_seconds"
                FROM (
                  SELECT
                    "t1"."ts" AS "t",
                    COALESCE(
                      FALSE
                      OR COALESCE(ABS(CAST("t1"."views" AS DOUBLE)) >= 1e+300, FALSE)
                      OR (
                        COALESCE(ABS("t1"."revenue") >= 1e+300, FALSE)
                        OR COALESCE("t1"."revenue" = CAST('NaN' AS DOUBLE), FALSE)
                      ),
                      FALSE
                    ) AS "unusable",
                    COALESCE(
                      FALSE
                      OR (
                        IFF(
                          (
                            "t1"."views" IS NOT NULL
                          )
                          AND NOT (
                            COALESCE(ABS(CAST("t1"."views" AS DOUBLE)) >= 1e+300, FALSE)
                          ),
                          CAST("t1"."views" AS DOUBLE),
                          0.0
                        ) < 0
                      )
                      OR (
                        IFF(
                          (
                            "t1"."revenue" IS NOT NULL
                          )
                          AND NOT (
                            COALESCE(ABS("t1"."revenue") >= 1e+300, FALSE)
                            OR COALESCE("t1"."revenue" = CAST('NaN' AS DOUBLE), FALSE)
                          ),
                          "t1"."revenue",
                          0.0
                        ) < 0
                      ),
                      FALSE
                    ) AS "negative",
                    "t1"."country" AS "b_entity",
                    "t1"."event" AS "a0",
                    CAST("t1"."install" AS VARCHAR) AS "a1",
                    1.0 AS "s0",
                    IFF(
                      (
                        "t1"."views" IS NOT NULL
                      )
                      AND NOT (
                        COALESCE(ABS(CAST("t1"."views" AS DOUBLE)) >= 1e+300, FALSE)
                      ),
                      CAST("t1"."views" AS DOUBLE),
                      0.0
                    ) AS "s1",
                    IFF(
                      (
                        "t1"."revenue" IS NOT NULL
                      )
                      AND NOT (
                        COALESCE(ABS("t1"."revenue") >= 1e+300, FALSE)
                        OR COALESCE("t1"."revenue" = CAST('NaN' AS DOUBLE), FALSE)
                      ),
                      "t1"."revenue",
                      0.0
                    ) AS "s2",
                    IFF(
                      (
                        "t1"."revenue" IS NOT NULL
                      )
                      AND NOT (
                        COALESCE(ABS("t1"."revenue") >= 1e+300, FALSE)
                        OR COALESCE("t1"."revenue" = CAST('NaN' AS DOUBLE), FALSE)
                      ),
                      1.0,
                      0.0
                    ) AS "n2",
                    "t1"."user" AS "u3",
                    IFF(COALESCE("t1"."event" = 'click', FALSE), 1.0, 0.0) AS "s4"
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
    "t9"."b_entity" IS NOT NULL
), "t12" AS (
  SELECT
    "t11"."w",
    "t11"."b_entity",
    "t11"."a0",
    "t11"."a1",
    COUNT(*) AS "n_rows"
  FROM "t10" AS "t11"
  GROUP BY
    1,
    2,
    3,
    4
), "t33" AS (
  SELECT
    "t32"."w",
    "t32"."b_entity",
    "t32"."n",
    "t32"."m0",
    "t32"."m1",
    "t32"."m2",
    "t32"."m3",
    "t32"."m4",
    "t32"."a0",
    "t32"."a1",
    "t32"."repeated",
    "t32"."few",
    ROW_NUMBER() OVER (
      PARTITION BY "t32"."w"
      ORDER BY "t32"."few" ASC, "t32"."n" DESC NULLS LAST, "t32"."b_entity" ASC
    ) - 1 AS "place"
  FROM (
    SELECT
      "t31"."w",
      "t31"."b_entity",
      "t31"."n",
      "t31"."m0",
      "t31"."m1",
      "t31"."m2",
      "t31"."m3",
      "t31"."m4",
      "t31"."a0",
      "t31"."a1",
      "t31"."repeated",
      IFF("t31"."n" < 20, 1, 0) AS "few"
    FROM (
      SELECT
        "t30"."w",
        "t30"."b_entity",
        "t30"."n",
        "t30"."m0",
        "t30"."m1",
        "t30"."m2",
        "t30"."m3",
        "t30"."m4",
        "t30"."a0",
        "t30"."a1",
        0 AS "repeated"
      FROM (
        SELECT
          "t17"."w",
          "t17"."b_entity",
          "t17"."n",
          "t17"."m0",
          "t17"."m1",
          "t17"."m2",
          "t17"."m3",
          "t17"."m4",
          "t28"."a0",
          "t29"."a1"
        FROM (
          SELECT
            "t11"."w",
            "t11"."b_entity",
            COUNT(*) AS "n",
            SUM("t11"."s0") AS "m0",
            SUM("t11"."s1") AS "m1",
            IFF(
              SUM("t11"."n2") > 0,
              SUM("t11"."s2") / NULLIF(SUM("t11"."n2"), 0.0),
              CAST(NULL AS DOUBLE)
            ) AS "m2",
            CAST(COUNT(DISTINCT "t11"."u3") AS DOUBLE) AS "m3",
            SUM("t11"."s4") AS "m4"
          FROM "t10" AS "t11"
          GROUP BY
            1,
            2
        ) AS "t17"
        LEFT OUTER JOIN (
          SELECT
            "t24"."w" AS "w_a0",
            "t24"."b_entity" AS "e_a0",
            "t24"."a0"
          FROM (
            SELECT
              *
            FROM (
              SELECT
                "t20"."w",
                "t20"."b_entity",
                "t20"."a0",
                "t20"."n_rows",
                "t20"."b_value",
                ROW_NUMBER() OVER (
                  PARTITION BY "t20"."w", "t20"."b_entity"
                  ORDER BY "t20"."n_rows" DESC NULLS LAST, "t20"."b_value" ASC
                ) - 1 AS "place"
              FROM (
                SELECT
                  "t18"."w",
                  "t18"."b_entity",
                  "t18"."a0",
                  "t18"."n_rows",
                  "t18"."a0" AS "b_value"
                FROM (
                  SELECT
                    "t15"."w",
                    "t15"."b_entity",
                    "t15"."a0",
                    SUM("t15"."n_rows") AS "n_rows"
                  FROM (
                    SELECT
                      *
                    FROM "t12" AS "t13"
                    WHERE
                      "t13"."a0" IS NOT NULL
                  ) AS "t15"
                  GROUP BY
                    1,
                    2,
                    3
                ) AS "t18"
              ) AS "t20"
            ) AS "t22"
            WHERE
              "t22"."place" = 0
          ) AS "t24"
        ) AS "t28"
          ON "t17"."w" = "t28"."w_a0" AND "t17"."b_entity" = "t28"."e_a0"
        LEFT OUTER JOIN (
          SELECT
            "t25"."w" AS "w_a1",
            "t25"."b_entity" AS "e_a1",
            "t25"."a1"
          FROM (
            SELECT
              *
            FROM (
              SELECT
                "t21"."w",
                "t21"."b_entity",
                "t21"."a1",
                "t21"."n_rows",
                "t21"."b_value",
                ROW_NUMBER() OVER (
                  PARTITION BY "t21"."w", "t21"."b_entity"
                  ORDER BY "t21"."n_rows" DESC NULLS LAST, "t21"."b_value" ASC
                ) - 1 AS "place"
              FROM (
                SELECT
                  "t19"."w",
                  "t19"."b_entity",
                  "t19"."a1",
                  "t19"."n_rows",
                  "t19"."a1" AS "b_value"
                FROM (
                  SELECT
                    "t16"."w",
                    "t16"."b_entity",
                    "t16"."a1",
                    SUM("t16"."n_rows") AS "n_rows"
                  FROM (
                    SELECT
                      *
                    FROM "t12" AS "t13"
                    WHERE
                      "t13"."a1" IS NOT NULL
                  ) AS "t16"
                  GROUP BY
                    1,
                    2,
                    3
                ) AS "t19"
              ) AS "t21"
            ) AS "t23"
            WHERE
              "t23"."place" = 0
          ) AS "t25"
        ) AS "t29"
          ON "t17"."w" = "t29"."w_a1" AND "t17"."b_entity" = "t29"."e_a1"
      ) AS "t30"
    ) AS "t31"
  ) AS "t32"
)
SELECT
  *
FROM (
  SELECT
    "t35"."w",
    "t35"."b_entity",
    "t35"."n",
    "t35"."m0",
    "t35"."m1",
    "t35"."m2",
    "t35"."m3",
    "t35"."m4",
    "t35"."a0",
    "t35"."a1",
    CAST(NULL AS BIGINT) AS "n_few",
    CAST(NULL AS BIGINT) AS "n_over",
    CAST(NULL AS BIGINT) AS "n_repeated"
  FROM (
    SELECT
      *
    FROM "t33" AS "t34"
    WHERE
      "t34"."few" = 0 AND "t34"."place" < 5
  ) AS "t35"
) AS "t36"
UNION ALL
SELECT
  *
FROM (
  SELECT
    "t37"."w",
    CAST(NULL AS VARCHAR) AS "b_entity",
    "t37"."n",
    CAST(NULL AS DOUBLE) AS "m0",
    CAST(NULL AS DOUBLE) AS "m1",
    CAST(NULL AS DOUBLE) AS "m2",
    CAST(NULL AS DOUBLE) AS "m3",
    CAST(NULL AS DOUBLE) AS "m4",
    CAST(NULL AS VARCHAR) AS "a0",
    CAST(NULL AS VARCHAR) AS "a1",
    "t37"."n_few",
    "t37"."n_over",
    "t37"."n_repeated"
  FROM (
    SELECT
      "t34"."w",
      SUM("t34"."n") AS "n",
      SUM("t34"."few") AS "n_few",
      SUM(IFF((
        "t34"."few" = 0
      ) AND (
        "t34"."place" >= 5
      ), 1, 0)) AS "n_over",
      SUM("t34"."repeated") AS "n_repeated"
    FROM "t33" AS "t34"
    GROUP BY
      1
  ) AS "t37"
) AS "t38"
